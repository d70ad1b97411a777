/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/signed_json.h"
#include "tests/unit/scratch.h"

/* RFC 8032 section 7.1, TEST 1 and TEST 2. */
static void known_keys_and_signatures(void)
{
	unsigned char seed[SIGNING_SEED_SIZE];
	char hex[SIGNATURE_HEX_SIZE];
	struct signing_key key;

	check(!hex_parse("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed,
			 sizeof(seed)));
	signing_key_derive(seed, &key);
	check_text(key.public_hex,
		   "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
	check_text(signing_key_sign(&key, "", 0, hex),
		   "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		   "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
	check(!hex_parse("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed,
			 sizeof(seed)));
	signing_key_derive(seed, &key);
	check_text(signing_key_sign(&key, "\x72", 1, hex),
		   "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		   "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
	check_int(signing_key_check(key.public_hex, hex, "\x72", 1), 0);
	check_int(signing_key_check(key.public_hex, hex, "\x73", 1), -EBADMSG);
	check_int(signing_key_check("zz", hex, "\x72", 1), -EBADMSG);
}

static void key_is_made_once_and_kept(const struct scratch *scratch)
{
	CLEANUP_CLOSE int folder = open(scratch->path, O_RDONLY | O_DIRECTORY);
	struct signing_key key, again;
	struct stat st;

	check_int(signing_key_open(folder, &key), 0);
	check(!fstatat(folder, SIGNING_KEY_NAME, &st, 0));
	check_int(st.st_mode & 07777, 0600);
	check_int(signing_key_open(folder, &again), 0);
	check(!memcmp(&key, &again, sizeof(key)));
	check(!file_replace(folder, SIGNING_KEY_NAME, 0600, "no key\n", 7));
	check_int(signing_key_open(folder, &again), -EBADMSG);
	check_text(again.public_hex, "");
	check(!fstatat(folder, SIGNING_KEY_NAME, &st, 0));
	check_int(st.st_size, 7); /* stays as it is */
}

static int parse(const char *text, size_t len, char public_hex[SIGNING_PUBLIC_HEX_SIZE])
{
	CLEANUP_JSON json_t *json = NULL;
	int r = signed_json_parse(text, len, &json, public_hex);

	check((r < 0) == !json);
	return r;
}

/* Each bit of the text, the signature's own line included. */
static void every_bit_counts(void)
{
	static const unsigned char seed[SIGNING_SEED_SIZE] = {1};
	CLEANUP_JSON json_t *json = json_pack("{s:s, s:[i,i]}", "name", "a\n\"b\"", "list", 1, 2);
	char public_hex[SIGNING_PUBLIC_HEX_SIZE];
	CLEANUP_FREE char *text = NULL;
	struct signing_key key;
	size_t len;

	signing_key_derive(seed, &key);
	text = signed_json_format(json, &key);
	len = strlen(text);
	check_int(parse(text, len, public_hex), 0);
	check_text(public_hex, key.public_hex);
	for (size_t i = 0; i < 8 * len; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		check(parse(text, len, public_hex));
		text[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t i = 0; i < len; i++)
		check(parse(text, i, public_hex));
	check_int(parse(text, len, public_hex), 0);
}

static void unsigned_is_told(void)
{
	CLEANUP_JSON json_t *json = json_pack("{s:i}", "a", 1);
	CLEANUP_FREE char *text = signed_json_format(json, NULL);
	char public_hex[SIGNING_PUBLIC_HEX_SIZE];

	check_int(parse(text, strlen(text), public_hex), SIGNED_JSON_UNSIGNED);
	check_int(parse("[]", 2, public_hex), -EBADMSG);
	check_int(parse("{\"signature\":1}", 15, public_hex), SIGNED_JSON_MISMATCH);
	check_int(parse("{\"a\":1,\"a\":2}", 13, public_hex), -EBADMSG);
}

static void chain_depends_on_all_before(void)
{
	char chain[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE], lines[300];

	sha256_chain_init(chain, "id");
	check_text(chain, sha256_text("id", 2, expected));
	snprintf(lines, sizeof(lines), "%s\nfile\n12\nab\n", expected);
	sha256_chain(chain, "file", 12, "ab");
	check_text(chain, sha256_text(lines, strlen(lines), expected));
}

int main(void)
{
	struct scratch scratch;

	scratch_init(&scratch);
	known_keys_and_signatures();
	key_is_made_once_and_kept(&scratch);
	every_bit_counts();
	unsigned_is_told();
	chain_depends_on_all_before();
	scratch_fini(&scratch);
	return 0;
}
