/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a packet its headers take: link, VLAN tags, IPv4/IPv6 with options and extension
 * headers, transport. Pure; reads hostile bytes, never beyond captured_bytes. */
#pragma once

#include <stdint.h>

/* Bytes up to and including the transport header, or as far as the packet is understood; at most
 * captured_bytes. link_type is LINKTYPE_ETHERNET (1) or LINKTYPE_RAW (101); of others the whole
 * packet counts as header. What is cut out of a header counts up to the cut. */
uint32_t slice_headers(const uint8_t *data, uint32_t captured_bytes, uint32_t link_type);
