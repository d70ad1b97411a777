/* SPDX-License-Identifier: Apache-2.0 */
/* Key, certificate and what is said about them; the wire is tested end to end. */
#include "dispatch/serve/tls.h"

#include <errno.h>

#include "dispatch/serve/certificate.h"
#include "tests/unit/test.h"

static void make(const char *host, struct buf *pem)
{
	struct certificate_names names = {.count = 2};

	snprintf(names.host, sizeof(names.host), "%s", host);
	snprintf(names.addresses[0], sizeof(names.addresses[0]), "192.0.2.7");
	snprintf(names.addresses[1], sizeof(names.addresses[1]), "2001:db8::7");
	check(!certificate_make(&names, pem));
}

static void facts(void)
{
	CLEANUP_BUF struct buf pem = BUF_INIT;
	CLEANUP_FREE char *certificate = NULL;
	const struct tls_facts *f;
	wall_t now = wall_now();
	struct tls *tls, *again;
	struct error err;

	make("probe7", &pem);
	check(!tls_new(pem.data, pem.data, &tls, &err));
	f = tls_facts(tls);
	check_int(strlen(f->fingerprint), TLS_FINGERPRINT_SIZE - 1);
	check(!strncmp(f->fingerprint, "sha256//", 8));
	check_int(strlen(f->sha256), 64);
	check_text(f->subject, "/CN=probe7");
	check(wall_sub(now, f->not_before) > 0);
	check(wall_sub(f->not_after, now) > 3600 * 24 * DUR_S * (dur_t)3649);
	/* the certificate alone, with the same key, is the same certificate */
	certificate = tls_format_certificate(tls);
	check(!strstr(certificate, "PRIVATE"));
	check(!tls_new(certificate, pem.data, &again, &err));
	check_text(tls_facts(again)->sha256, f->sha256);
	check_text(tls_facts(again)->fingerprint, f->fingerprint);
	tls_free(tls);
	tls_free(again);
}

/* Two probes never have the same key. */
static void fresh(void)
{
	CLEANUP_BUF struct buf one = BUF_INIT, two = BUF_INIT;
	struct tls *tls, *other;
	struct error err;

	make("probe7", &one);
	make("probe7", &two);
	check(!tls_new(one.data, one.data, &tls, &err));
	check(!tls_new(two.data, two.data, &other, &err));
	check(strcmp(tls_facts(tls)->fingerprint, tls_facts(other)->fingerprint) != 0);
	tls_free(tls);
	tls_free(other);
	/* the key of another certificate */
	check_int(tls_new(one.data, two.data, &tls, &err), -EINVAL);
	check_text(err.field, "tls.key_file");
}

static void refused(const char *certificate, const char *key, const char *field)
{
	struct error err = {0};
	struct tls *tls;

	check_int(tls_new(certificate, key, &tls, &err), -EINVAL);
	check_text(err.field, field);
}

static void unusable(void)
{
	static const char locked[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEF\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n";
	CLEANUP_BUF struct buf pem = BUF_INIT, cut = BUF_INIT;

	make("probe7", &pem);
	refused("", pem.data, "tls.certificate_file");
	refused("hello", pem.data, "tls.certificate_file");
	refused(pem.data, "", "tls.key_file");
	refused(pem.data, locked, "tls.key_file");
	/* a chain that breaks off */
	buf_append_text(&cut, pem.data);
	buf_append_text(&cut, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
	refused(cut.data, pem.data, "tls.certificate_file");
}

static void names(void)
{
	struct certificate_names found;

	certificate_names_find(&found);
	check(found.host[0]);
	check(found.count >= 2 && found.count <= CERTIFICATE_NAMES_MAX);
	check_text(found.addresses[0], "127.0.0.1");
}

int main(void)
{
	facts();
	fresh();
	unusable();
	names();
	return 0;
}
