# SPDX-License-Identifier: Apache-2.0
ringbell_unit(segment storage policy base)
ringbell_unit(digest storage policy base)
ringbell_unit(repair capture storage policy base)
ringbell_unit(db storage policy base)
ringbell_unit(store storage policy base)
ringbell_unit(settings_rows storage policy base)
ringbell_unit(outbox storage policy base)
