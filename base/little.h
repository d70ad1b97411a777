/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian numbers in bytes, wherever they lie. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t little_get16(const unsigned char *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

static inline uint32_t little_get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return le32toh(v);
}

static inline uint64_t little_get64(const unsigned char *p)
{
	return little_get32(p) | (uint64_t)little_get32(p + 4) << 32;
}

static inline void little_put32(unsigned char *p, uint32_t value)
{
	value = htole32(value);
	memcpy(p, &value, 4);
}

static inline void little_put64(unsigned char *p, uint64_t value)
{
	value = htole64(value);
	memcpy(p, &value, 8);
}
