/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "dispatch/serve/certificate.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/tls.h"

#define BOTH "tls.pem"
#define OPEN "tls.crt"

void tls_files_take(char **text, int fd)
{
	CLEANUP_CLOSE int owned = fd;
	CLEANUP_BUF struct buf read = BUF_INIT;
	int r = file_read_open(owned, TLS_PEM_MAX, &read);

	free(*text);
	*text = NULL;
	if (r < 0)
		log_error("tls", "certificate or key cannot be read: %s", strerrordesc_np(-r));
	else
		*text = buf_take(&read);
}

static int make(int folder, struct buf *pem)
{
	struct certificate_names names;
	int r;

	certificate_names_find(&names);
	r = certificate_make(&names, pem);
	if (!r)
		r = file_replace(folder, BOTH, 0600, pem->data, pem->len);
	if (!r)
		log_info("tls", "key and self-signed certificate made for %s", names.host);
	return r;
}

static int load_own(int folder, struct tls **ret, struct error *err)
{
	CLEANUP_BUF struct buf pem = BUF_INIT;
	int r = file_read(folder, BOTH, TLS_PEM_MAX, &pem);

	if (r == -ENOENT)
		r = make(folder, &pem);
	if (r < 0) {
		error_set(err, "invalid_value", BOTH, "%s in the state folder: %s", BOTH,
			  strerrordesc_np(-r));
		return r;
	}
	return tls_new(pem.data, pem.data, ret, err);
}

/* Not needed to serve: a failure is told and nothing else. */
static void publish(int folder, const struct tls *tls)
{
	CLEANUP_FREE char *certificate = tls_format_certificate(tls);
	CLEANUP_BUF struct buf present = BUF_INIT;
	int r = 0;

	if (file_read(folder, OPEN, TLS_PEM_MAX, &present) || !present.data ||
	    strcmp(present.data, certificate))
		r = file_replace(folder, OPEN, 0644, certificate, strlen(certificate));
	/* whatever our umask: the folder lets in who may read it */
	if (r == 0 && fchmodat(folder, OPEN, 0644, 0))
		r = -errno;
	if (r < 0)
		log_warning("tls",
			    "%s cannot be written: %s; local tools must be told the "
			    "fingerprint",
			    OPEN, strerrordesc_np(-r));
}

int tls_files_load(const struct control *control, struct tls **ret)
{
	CLEANUP_CLOSE int folder = open(control->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct tls_facts *facts;
	char until[WALL_TEXT_SIZE];
	struct error err;
	int r;

	if (folder < 0)
		return -errno;
	if (control->certificate && control->key)
		r = tls_new(control->certificate, control->key, ret, &err);
	else
		r = load_own(folder, ret, &err);
	if (r < 0) {
		log_error("tls", "%s: %s", err.field, err.text);
		return r;
	}
	publish(folder, *ret);
	facts = tls_facts(*ret);
	log_info("tls", "fingerprint %s, certificate \"%s\" until %s", facts->fingerprint,
		 facts->subject, wall_format(facts->not_after, until));
	if (wall_sub(facts->not_after, wall_now()) < 0)
		log_warning("tls", "the certificate has expired: clients will refuse it");
	return 0;
}
