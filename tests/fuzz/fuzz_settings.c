/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of policies, endpoints and sources: JSON of a new one, then, on further lines, edits
 * of it. A refused edit changes nothing; what is shown can be sent back and changes nothing. */
#include <errno.h>

#include "base/json.h"
#include "policy/settings.h"
#include "tests/fuzz/fuzz.h"

#define EDITS_MAX 4

static void check_result(int r, const struct error *err)
{
	fuzz_check(r == 0 || r == -EINVAL);
	if (r)
		fuzz_check_error(err);
}

/* Are both shown alike? Puts both. */
static void check_alike(json_t *a, json_t *b)
{
	fuzz_check(a && b && json_equal(a, b));
	json_decref(a);
	json_decref(b);
}

static void edit_policy(struct pcap_policy *policy, const json_t *object)
{
	struct pcap_policy *before = pcap_policy_copy(policy);
	struct error err = {0};
	int r = pcap_policy_read(policy, object, &err);
	json_t *shown;

	check_result(r, &err);
	if (r) {
		check_alike(pcap_policy_format(before), pcap_policy_format(policy));
	} else {
		shown = pcap_policy_format(policy);
		fuzz_check(!pcap_policy_read(policy, shown, &err));
		check_alike(shown, pcap_policy_format(policy));
	}
	pcap_policy_fini(before);
	free(before);
}

static void edit_endpoint(struct endpoint *endpoint, const json_t *object)
{
	struct endpoint *before = endpoint_copy(endpoint);
	struct error err = {0};
	int r = endpoint_read(endpoint, object, &err);
	json_t *shown;

	check_result(r, &err);
	if (r) {
		check_alike(endpoint_format_full(before), endpoint_format_full(endpoint));
	} else {
		json_t *full = endpoint_format_full(endpoint);

		shown = endpoint_format(endpoint);
		/* secrets are shown as stars, and stars keep them */
		fuzz_check(!endpoint_read(endpoint, shown, &err));
		check_alike(full, endpoint_format_full(endpoint));
		json_decref(shown);
	}
	endpoint_fini(before);
	free(before);
}

static void edit_source(struct source *source, const json_t *object)
{
	struct source *before = source_copy(source);
	struct error err = {0};
	int r = source_read(source, object, &err);
	json_t *shown;

	check_result(r, &err);
	if (r) {
		check_alike(source_format(before), source_format(source));
	} else {
		shown = source_format(source);
		fuzz_check(!source_read(source, shown, &err));
		check_alike(shown, source_format(source));
	}
	source_fini(before);
	free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcap_policy policy;
	struct endpoint endpoint;
	struct source source;

	pcap_policy_default(&policy);
	endpoint_default(&endpoint);
	source_default(&source);
	for (int i = 0; i < EDITS_MAX && size; i++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		CLEANUP_JSON json_t *object = NULL;

		if (!json_parse((const char *)data, len, JSON_BYTES_MAX, &object, NULL)) {
			edit_policy(&policy, object);
			edit_endpoint(&endpoint, object);
			edit_source(&source, object);
		}
		data += len + !!end;
		size -= len + !!end;
	}
	pcap_policy_fini(&policy);
	endpoint_fini(&endpoint);
	source_fini(&source);
	return 0;
}
