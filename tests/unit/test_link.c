/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dispatch/serve/throttle.h"
#include "tests/unit/test.h"

#define NOW ((wall_t){1000 * DUR_S})

static struct signing_key key;

static void is_good_until_its_end(const char *target)
{
	char text[300], id[LINK_ID_SIZE] = "";

	check(!link_format(&key, target, (wall_t){2000 * DUR_S}, text, sizeof(text)));
	check(!strncmp(text, target, strlen(target)));
	check_int(link_check(&key, text, NOW, id), 0);
	check_int(strlen(id), LINK_ID_SIZE - 1);
	check(strstr(text, id));
	check_int(link_check(&key, text, (wall_t){1999 * DUR_S}, id), 0);
	check_int(link_check(&key, text, (wall_t){2000 * DUR_S}, id), LINK_EXPIRED);
}

static void one_byte_changed_is_forged(void)
{
	static const unsigned char other_seed[SIGNING_SEED_SIZE] = {2};
	struct signing_key other, none = {0};
	char text[300], longer[320], id[LINK_ID_SIZE] = "";

	check(!link_format(&key, "/a?x=1", (wall_t){2000 * DUR_S}, text, sizeof(text)));
	for (size_t i = 0; text[i]; i++) {
		text[i] ^= 1;
		check(link_check(&key, text, NOW, id) != 0);
		check(!id[0]);
		text[i] ^= 1;
	}
	signing_key_derive(other_seed, &other);
	check_int(link_check(&other, text, NOW, id), LINK_FORGED);
	check_int(link_check(&none, text, NOW, id), LINK_FORGED);
	snprintf(longer, sizeof(longer), "%s&x=2", text);
	check_int(link_check(&key, longer, NOW, id), LINK_FORGED);
	check_int(link_check(&key, "/a?x=1", NOW, id), LINK_NONE);
	check_int(link_check(&key, "&signature=", NOW, id), LINK_FORGED);
	check_int(link_format(&key, "/a", NOW, text, 90), -ENAMETOOLONG);
}

static void bytes_take_their_time(void)
{
	struct throttle throttle = {{0}};
	mono_t now = {5 * DUR_S};

	check_int(throttle_take(&throttle, 1 << 20, 0, now), 0);
	check_int(throttle_take(&throttle, 1000, 1000, now), 0);
	check_int(throttle_take(&throttle, 500, 1000, now), DUR_S);
	check_int(throttle_take(&throttle, 500, 1000, now), DUR_S + DUR_S / 2);
	throttle_return(&throttle, 500, 1000); /* it left before its turn */
	check_int(throttle_take(&throttle, 1000, 1000, now), DUR_S + DUR_S / 2);
	now.ns += 10 * DUR_S; /* what was not used is gone */
	check_int(throttle_take(&throttle, 1000, 1000, now), 0);
	check_int(throttle_take(&throttle, 1000, 1000, now), DUR_S);
}

int main(void)
{
	static const unsigned char seed[SIGNING_SEED_SIZE] = {1};

	signing_key_derive(seed, &key);
	is_good_until_its_end("/api/v1/captures/x/download");
	is_good_until_its_end("/api/v1/packets?host=10.0.0.1&port=80");
	one_byte_changed_is_forged();
	bytes_take_their_time();
	return 0;
}
