# SPDX-License-Identifier: Apache-2.0
ringbell_unit(segment storage base)
ringbell_unit(digest storage base)
ringbell_unit(repair capture storage base)
