/* SPDX-License-Identifier: Apache-2.0 */
/* The commands. Each asks the API once or twice and prints what it said; failures were explained on
 * standard error before they return. */
#pragma once

#include "cli/arguments.h"
#include "cli/client.h"

enum exit_status run_status(struct client *client, const struct arguments *arguments);

/* `client` may be NULL: no token, or a wrong address, which was said. */
enum exit_status run_doctor(struct client *client, const struct arguments *arguments);

enum exit_status run_alert_send(struct client *client, const struct arguments *arguments);
enum exit_status run_alert_list(struct client *client, const struct arguments *arguments);

/* Objects of all kinds: the noun says which. */
enum exit_status run_object_list(struct client *client, const struct arguments *arguments);
enum exit_status run_object_show(struct client *client, const struct arguments *arguments);
/* The same, printed in another way. */
enum exit_status run_object_get(struct client *client, const struct arguments *arguments,
				void (*print)(const json_t *object));
enum exit_status run_object_add(struct client *client, const struct arguments *arguments);
enum exit_status run_object_remove(struct client *client, const struct arguments *arguments);

enum exit_status run_explain(struct client *client, const struct arguments *arguments);

enum exit_status run_policy_show(struct client *client, const struct arguments *arguments);
/* enable, disable and automatic: the verb is the last piece of the path */
enum exit_status run_policy_switch(struct client *client, const struct arguments *arguments);

enum exit_status run_endpoint_test(struct client *client, const struct arguments *arguments);

enum exit_status run_push_list(struct client *client, const struct arguments *arguments);
/* Dead letters go again: the operand is a push's id or an endpoint's name, by the noun. */
enum exit_status run_replay(struct client *client, const struct arguments *arguments);

/* What the rings remember, into a file or standard output. */
enum exit_status run_ring(struct client *client, const struct arguments *arguments);

/* The operand is a capture's id, or "latest". */
enum exit_status run_capture_list(struct client *client, const struct arguments *arguments);
enum exit_status run_capture_show(struct client *client, const struct arguments *arguments);
/* On demand, without a verb: the last minutes and the next. */
enum exit_status run_capture_start(struct client *client, const struct arguments *arguments);
enum exit_status run_capture_stop(struct client *client, const struct arguments *arguments);
/* A link that opens its download for whoever has it. */
enum exit_status run_capture_link(struct client *client, const struct arguments *arguments);
enum exit_status run_capture_download(struct client *client, const struct arguments *arguments);

/* Who downloaded what. */
enum exit_status run_audit(struct client *client, const struct arguments *arguments);

/* Offline: the client is NULL. */
enum exit_status run_verify(struct client *client, const struct arguments *arguments);
enum exit_status run_key(struct client *client, const struct arguments *arguments);

/* Sets object's member to the list that `text` is ("a,b"); NULL = the option was not given. False:
 * complained; an empty list would mean anything, who wrote "$X" meant one thing. */
bool run_set_list(json_t *object, const char *key, const char *text);

/* What the API answered, as it is. */
void run_print_json(const struct answer *answer);
/* Whether --json was given. */
int run_wants_json(const struct arguments *arguments);
/* Aligned "name  value" lines; `members` ends with NULL and alternates name and path. */
void run_print_members(const json_t *object, const char *const members[]);
/* All members of an object, whatever they are. */
void run_print_object(const json_t *object);
/* What is wrong with policies and endpoints: member "problems". */
void run_print_problems(const json_t *object);
/* The path of a list with the options --limit and --in; the caller frees it. NULL = --limit is
 * wrong, said on standard error. */
char *run_format_list_path(const char *path, const struct arguments *arguments);
/* Tells that the list goes on. */
void run_print_more(const json_t *list);
