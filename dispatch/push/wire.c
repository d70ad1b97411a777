/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/push/wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "dispatch/push/destination.h"

#define ACK_STEP_MS 5 /* how often the kernel is asked whether the peer has it */

DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(struct addrinfo *, freeaddrinfo)

struct wire {
	int fd; /* non-blocking */
	SSL *ssl;
};

static int fail(struct wire_failure *failure, enum courier_verdict verdict, enum courier_step step,
		const char *text)
{
	failure->verdict = verdict;
	failure->step = step;
	snprintf(failure->text, sizeof(failure->text), "%s", text);
	return -1;
}

static int fail_errno(struct wire_failure *failure, enum courier_step step, int error)
{
	return fail(failure, VERDICT_RETRY, step, strerrordesc_np(error));
}

/* ---- time ---- */

static int left_ms(mono_t end)
{
	dur_t left = mono_sub(end, mono_now());

	return left <= 0 ? 0 : (int)(left / DUR_MS) + 1;
}

/* 0 when fd is ready, -1 at the end of time. */
static int wait_fd(int fd, short events, mono_t end)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	return poll(&poll_fd, 1, left_ms(end)) > 0 ? 0 : -1;
}

/* ---- connecting ---- */

static struct addrinfo *look_up(const struct courier_push *push, int type,
				struct wire_failure *failure)
{
	struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", push->numbers[COURIER_PORT]);
	r = getaddrinfo(courier_push_get(push, COURIER_HOST), port, &hints, &list);
	if (r)
		fail(failure, VERDICT_RETRY, COURIER_STEP_DNS, gai_strerror(r));
	return r ? NULL : list;
}

/* A socket to one address, non-blocking, or -1. */
static int open_one(const struct addrinfo *to, const struct courier_config *config,
		    struct wire_failure *failure)
{
	const char *what = destination_check(to->ai_addr, config->allow);
	int fd;

	if (what) {
		fail(failure, VERDICT_PERMANENT, COURIER_STEP_REQUEST, "");
		snprintf(failure->text, sizeof(failure->text),
			 "the address is %s, a destination that courier.allow does not list", what);
		return -1;
	}
	fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol);
	if (fd < 0)
		fail_errno(failure, COURIER_STEP_CONNECT, errno);
	return fd;
}

static int connect_one(const struct addrinfo *to, const struct courier_config *config, mono_t end,
		       struct wire_failure *failure)
{
	CLEANUP_CLOSE int fd = open_one(to, config, failure);
	socklen_t size = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, to->ai_addr, to->ai_addrlen) && errno != EINPROGRESS)
		return fail_errno(failure, COURIER_STEP_CONNECT, errno);
	if (wait_fd(fd, POLLOUT, end))
		return fail_errno(failure, COURIER_STEP_CONNECT, ETIMEDOUT);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? fail_errno(failure, COURIER_STEP_CONNECT, error) : take_fd(&fd);
}

static int connect_any(const struct courier_push *push, int type,
		       const struct courier_config *config, mono_t end,
		       struct wire_failure *failure)
{
	CLEANUP(freeaddrinfo_ptr) struct addrinfo *list = look_up(push, type, failure);
	dur_t limit = config->connect_timeout_ms * DUR_MS;
	int fd = -1;

	for (struct addrinfo *to = list; to && fd < 0; to = to->ai_next) {
		mono_t one = mono_add(mono_now(), limit);

		fd = connect_one(to, config, one.ns < end.ns ? one : end, failure);
	}
	return fd;
}

/* ---- TLS ---- */

static int fail_tls(struct wire_failure *failure, enum courier_verdict verdict, const char *text)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	fail(failure, verdict, COURIER_STEP_TLS, "");
	snprintf(failure->text, sizeof(failure->text), "%s%s%s", text, reason ? ": " : "",
		 reason ? reason : "");
	return -1;
}

static int add_ca(SSL_CTX *context, const char *pem)
{
	CLEANUP(BIO_free_all_ptr) BIO *bio = BIO_new_mem_buf(pem, -1);
	int count = 0;

	for (;;) {
		CLEANUP(X509_free_ptr) X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		if (!certificate)
			break;
		count += X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
	}
	ERR_clear_error();
	return count ? 0 : -1;
}

static int add_own(SSL_CTX *context, const char *cert_pem, const char *key_pem)
{
	CLEANUP(BIO_free_all_ptr) BIO *cert_bio = BIO_new_mem_buf(cert_pem, -1);
	CLEANUP(BIO_free_all_ptr) BIO *key_bio = BIO_new_mem_buf(key_pem, -1);
	CLEANUP(X509_free_ptr) X509 *cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
	CLEANUP(EVP_PKEY_free_ptr)
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);

	return cert && key && SSL_CTX_use_certificate(context, cert) == 1 &&
			       SSL_CTX_use_PrivateKey(context, key) == 1
		       ? 0
		       : -1;
}

static int set_trust(SSL_CTX *context, const struct courier_push *push,
		     const struct courier_config *config, struct wire_failure *failure)
{
	const char *ca = courier_push_get(push, COURIER_CA);
	const char *cert = courier_push_get(push, COURIER_CERT);
	int ok = 1;

	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context,
			   push->numbers[COURIER_VERIFY] ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (*ca)
		ok = !add_ca(context, ca);
	else if (config->ca_file[0])
		ok = SSL_CTX_load_verify_locations(context, config->ca_file, NULL);
	else
		ok = SSL_CTX_set_default_verify_paths(context);
	if (!ok)
		return fail_tls(failure, VERDICT_RETRY, "the CA certificates cannot be read");
	if (*cert && add_own(context, cert, courier_push_get(push, COURIER_CERT_KEY)))
		return fail_tls(failure, VERDICT_PERMANENT, "the client certificate is no good");
	return 0;
}

static int set_name(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return 0;
	ERR_clear_error();
	SSL_set_tlsext_host_name(ssl, host);
	return SSL_set1_host(ssl, host) == 1 ? 0 : -1;
}

/* Waits for what the last call on ssl wanted: 0, or -1. */
static int wait_ssl(const struct wire *s, int result, mono_t end)
{
	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return wait_fd(s->fd, POLLIN, end);
	case SSL_ERROR_WANT_WRITE:
		return wait_fd(s->fd, POLLOUT, end);
	default:
		return -1;
	}
}

static int shake_hands(struct wire *s, mono_t end, struct wire_failure *failure)
{
	long verified;
	int r;

	while ((r = SSL_connect(s->ssl)) != 1) {
		verified = SSL_get_verify_result(s->ssl); /* told even where it is not asked */
		if (SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE && verified != X509_V_OK)
			return fail_tls(failure, VERDICT_PERMANENT,
					X509_verify_cert_error_string(verified));
		if (wait_ssl(s, r, end))
			return fail_tls(failure, VERDICT_RETRY, "the TLS handshake failed");
	}
	return 0;
}

static int start_tls(struct wire *s, const struct courier_push *push,
		     const struct courier_config *config, mono_t end, struct wire_failure *failure)
{
	CLEANUP(SSL_CTX_free_ptr) SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	ERR_clear_error();
	if (!context)
		return fail_tls(failure, VERDICT_RETRY, "no TLS");
	if (set_trust(context, push, config, failure))
		return -1;
	s->ssl = SSL_new(context); /* keeps the context */
	if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1 ||
	    set_name(s->ssl, courier_push_get(push, COURIER_HOST)))
		return fail_tls(failure, VERDICT_PERMANENT, "no name to verify");
	return shake_hands(s, end, failure);
}

/* ---- the whole ---- */

struct wire *wire_close(struct wire *s)
{
	if (!s)
		return NULL;
	if (s->ssl)
		SSL_shutdown(s->ssl);
	SSL_free(s->ssl);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	return NULL;
}

struct wire *wire_open(const struct courier_push *push, const struct courier_config *config,
		       struct wire_failure *failure)
{
	mono_t end = mono_add(mono_now(), push->timeout_ms * DUR_MS);
	struct wire *s = xcalloc(1, sizeof(*s));
	int one = 1;

	s->fd = connect_any(push, SOCK_STREAM, config, end, failure);
	if (s->fd < 0)
		return wire_close(s);
	setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (push->numbers[COURIER_TLS] && start_tls(s, push, config, end, failure))
		return wire_close(s);
	return s;
}

/* Nobody who takes syslog ever says something: readable means end. TLS 1.3 sends its session
 * tickets, which SSL_peek consumes. */
int wire_is_gone(const struct wire *s)
{
	struct pollfd poll_fd = {.fd = s->fd, .events = POLLIN | POLLRDHUP};
	char byte;
	int r;

	if (poll(&poll_fd, 1, 0) <= 0)
		return 0;
	if (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR) || !s->ssl)
		return 1;
	ERR_clear_error();
	r = SSL_peek(s->ssl, &byte, 1);
	return r <= 0 && SSL_get_error(s->ssl, r) != SSL_ERROR_WANT_READ;
}

/* Bytes written, 0 = time is up or the peer is gone. */
static size_t write_some(struct wire *s, const char *data, size_t len, mono_t end)
{
	ssize_t n;
	int r;

	for (;;) {
		if (s->ssl) {
			r = SSL_write(s->ssl, data, (int)len);
			if (r > 0)
				return (size_t)r;
			if (wait_ssl(s, r, end))
				return 0;
			continue;
		}
		n = send(s->fd, data, len, MSG_NOSIGNAL);
		if (n > 0)
			return (size_t)n;
		if (errno != EAGAIN || wait_fd(s->fd, POLLOUT, end))
			return 0;
	}
}

/* Until nothing is left that the peer's TCP has not acknowledged. */
static int wait_acknowledged(const struct wire *s, mono_t end)
{
	int unsent = 1;

	while (!ioctl(s->fd, SIOCOUTQ, &unsent) && unsent) {
		struct pollfd poll_fd = {.fd = s->fd, .events = POLLRDHUP};

		if (!left_ms(end) || poll(&poll_fd, 1, ACK_STEP_MS) > 0)
			return -1;
	}
	return unsent ? -1 : 0;
}

int wire_write(struct wire *s, const void *data, size_t len, int timeout_ms,
	       struct wire_failure *failure)
{
	mono_t end = mono_add(mono_now(), timeout_ms * DUR_MS);
	const char *p = data;

	ERR_clear_error();
	while (len) {
		size_t n = write_some(s, p, len, end);

		if (!n)
			return fail(failure, VERDICT_RETRY, COURIER_STEP_PROTOCOL,
				    "the peer takes nothing more");
		p += n;
		len -= n;
	}
	if (wait_acknowledged(s, end))
		return fail(failure, VERDICT_RETRY, COURIER_STEP_PROTOCOL,
			    "the peer has not acknowledged what was sent");
	return 0;
}

/* A closed port of this machine or the next is told by an ICMP message, if at all, after the send:
 * waited for a moment. */
int wire_send_datagram(const struct courier_push *push, const struct courier_config *config,
		       const void *data, size_t len, struct wire_failure *failure)
{
	mono_t end = mono_add(mono_now(), push->timeout_ms * DUR_MS);
	CLEANUP_CLOSE int fd = connect_any(push, SOCK_DGRAM, config, end, failure);
	socklen_t size = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -1;
	if (send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		return errno == EMSGSIZE ? fail(failure, VERDICT_PERMANENT, COURIER_STEP_REQUEST,
						"larger than a datagram can be: lower size_max")
					 : fail_errno(failure, COURIER_STEP_CONNECT, errno);
	wait_fd(fd, 0, mono_add(mono_now(), ACK_STEP_MS * DUR_MS));
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? fail_errno(failure, COURIER_STEP_CONNECT, error) : 0;
}
