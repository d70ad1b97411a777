# SPDX-License-Identifier: Apache-2.0
ringbell_unit(segment storage base)
