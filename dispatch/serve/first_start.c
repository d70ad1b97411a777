/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/first_start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "dispatch/serve/auth.h"
#include "dispatch/serve/setting_row.h"
#include "storage/settings.h"

#define LINGER_DEFAULT (10 * DUR_S)

/* json is put. */
static int save(struct db *db, const char *kind, const char *id, char *json)
{
	CLEANUP_FREE char *text = json;

	return settings_save(db, kind, id, text);
}

static void replace_text(char **text, const char *with)
{
	free(*text);
	*text = xstrdup(with);
}

static int add_policy(struct db *db, wall_t now, char id[IDENT_SIZE])
{
	struct pcap_policy policy;
	int r;

	pcap_policy_default(&policy);
	ident_new(now, policy.id);
	memcpy(id, policy.id, IDENT_SIZE);
	policy.version = 1;
	policy.created_at = policy.updated_at = now;
	policy.linger = LINGER_DEFAULT;
	replace_text(&policy.name, "default");
	r = save(db, "policy", policy.id, setting_row_format_policy(&policy));
	pcap_policy_fini(&policy);
	return r;
}

static int add_endpoint(struct db *db, wall_t now, const char *policy)
{
	struct endpoint endpoint;
	int r;

	endpoint_default(&endpoint);
	ident_new(now, endpoint.id);
	endpoint.version = 1;
	endpoint.created_at = endpoint.updated_at = now;
	endpoint.kind = ENDPOINT_PCAP;
	endpoint.enabled = true;
	replace_text(&endpoint.name, "default");
	memcpy(endpoint.policy, policy, sizeof(endpoint.policy));
	r = save(db, "endpoint", endpoint.id, setting_row_format_endpoint(&endpoint));
	endpoint_fini(&endpoint);
	return r;
}

static int add_source(struct db *db, wall_t now, enum source_kind kind, const char *token)
{
	struct source source;
	int r;

	source_default(&source);
	ident_new(now, source.id);
	source.version = 1;
	source.created_at = source.updated_at = now;
	source.kind = kind;
	replace_text(&source.name, source_kind_name(kind));
	sha256_text(token, strlen(token), source.token_sha256);
	r = save(db, "source", source.id, setting_row_format_source(&source));
	source_fini(&source);
	return r;
}

/* The sources that are there from the first start. */
static const enum source_kind first_kinds[] = {SOURCE_NATIVE, SOURCE_ALERTMANAGER};

struct tokens {
	char admin[AUTH_TOKEN_SIZE];
	char sources[ARRAY_SIZE(first_kinds)][AUTH_TOKEN_SIZE];
};

static int write_tokens(const char *state_folder, const struct tokens *tokens)
{
	CLEANUP_JSON json_t *json = json_pack("{s:s, s:{}}", "admin", tokens->admin, "sources");
	CLEANUP_CLOSE int folder = open(state_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FREE char *text = NULL;

	if (folder < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(first_kinds); i++)
		json_object_set_new(json_object_get(json, "sources"),
				    source_kind_name(first_kinds[i]),
				    json_string(tokens->sources[i]));
	text = json_format(json);
	return file_replace(folder, "tokens.json", 0600, text, strlen(text));
}

static int add_all(struct db *db, const struct tokens *tokens)
{
	wall_t now = wall_now();
	char policy[IDENT_SIZE], hash[SHA256_HEX_SIZE];
	int r = add_policy(db, now, policy);

	if (!r)
		r = add_endpoint(db, now, policy);
	for (size_t i = 0; !r && i < ARRAY_SIZE(first_kinds); i++)
		r = add_source(db, now, first_kinds[i], tokens->sources[i]);
	sha256_text(tokens->admin, strlen(tokens->admin), hash);
	if (!r)
		r = save(db, "token", FIRST_START_ADMIN, setting_row_format_token(hash));
	return r;
}

static int on_token(void *owner, const char *id, const char *json)
{
	(void)json;
	if (!strcmp(id, FIRST_START_ADMIN))
		*(int *)owner = 1;
	return 0;
}

/* The file is written first: a crash before the commit leaves an empty store, and the next start
 * replaces the file. */
int first_start(struct db *db, const char *state_folder, char *message, size_t size)
{
	struct tokens tokens;
	int known = 0;
	int r = settings_list(db, "token", on_token, &known);

	if (r || known)
		return r;
	secret_new(tokens.admin, AUTH_TOKEN_LEN);
	for (size_t i = 0; i < ARRAY_SIZE(first_kinds); i++)
		secret_new(tokens.sources[i], AUTH_TOKEN_LEN);
	r = write_tokens(state_folder, &tokens);
	if (r < 0) {
		snprintf(message, size, "%s/tokens.json: %s", state_folder, strerrordesc_np(-r));
		return r;
	}
	r = add_all(db, &tokens);
	if (!r)
		log_info("control", "first start: defaults made, tokens are in %s/tokens.json",
			 state_folder);
	return r;
}
