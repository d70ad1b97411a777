/* SPDX-License-Identifier: Apache-2.0 */
/* The courier's client side: pushes control leases to it, verdicts it returns, topics it reads for
 * control, and its main().
 *
 * Control owns the outbox; the courier has the connections and no database. A lease is at most
 * COURIER_LEASES_MAX at once; a dead courier's leases go back to the queue (control sees the link
 * close). Order per (endpoint, fingerprint) is control's business: it leases only the first. */
#pragma once

#include <stdint.h>

#include "base/child.h"
#include "base/ident.h"

#define COURIER_LEASES_MAX 256
#define COURIER_DATA_SIZE  57344
#define COURIER_BODY_SIZE  32768 /* what fits beside settings of any size */

enum courier_message_type {
	COURIER_PUSH = 1,     /* control → courier: struct courier_push, up to its last text */
	COURIER_CONSUME,      /* control → courier: struct courier_push that names no push but a
			     source, and how its topic is reached: it is read from now on */
	COURIER_CONSUME_END,  /* control → courier: struct courier_source */
	COURIER_TAKEN,	      /* control → courier: struct courier_source: the batch is durable */
	COURIER_RESULT = 100, /* courier → control: struct courier_result */
	COURIER_HEALTH,	      /* courier → control: struct courier_health: while it has leases,
			     about every second, and at their end */
	COURIER_RECORD,	   /* courier → control: struct courier_record, up to the end of data */
	COURIER_CONSUMING, /* courier → control: struct courier_consuming */
};

/* The texts of a push; which ones count depends on its kind. None has a NUL inside. */
enum courier_text {
	/* where to, and who we are there */
	COURIER_URL, /* http, robots, webhooks; else the vendor's API */
	COURIER_METHOD,
	COURIER_HEADERS, /* "Name: value\n" lines, free of CR and NUL */
	COURIER_HOST,	 /* email, syslog; kafka: brokers */
	COURIER_USER,	 /* email, kafka; wecom_app: corp id */
	COURIER_SECRET,	 /* password, token, key */
	COURIER_SECRET_OLD,
	COURIER_PROXY,
	COURIER_CA,   /* PEM, "" = the system's */
	COURIER_CERT, /* PEM of our own */
	COURIER_CERT_KEY,
	COURIER_FROM,	 /* email */
	COURIER_TO,	 /* email, wecom_app: recipients; slack: channel; kafka: topic */
	COURIER_KEYWORD, /* dingtalk */
	COURIER_APP,	 /* syslog */
	/* what is said */
	COURIER_TITLE,
	COURIER_BODY,
	COURIER_PLAIN, /* email: the body again without markup, "" = the body is plain itself */
	COURIER_LINK,
	COURIER_FACTS, /* "name\tvalue\n" lines */
	COURIER_ALERT, /* id of the event; "" for a test */
	COURIER_FINGERPRINT,
	COURIER_SOURCE,
	COURIER_POLICY,
	COURIER_OBJECT,
	COURIER_PROBE,
	COURIER_REFERENCE, /* slack: "channel ts" of the firing message */
	COURIER_GROUP,	   /* a source's consumer group */
	COURIER_TEXT_COUNT,
};

enum courier_number {
	COURIER_PORT,
	COURIER_TLS,	     /* email: enum courier_mail_tls; kafka: 0, 1 */
	COURIER_VERIFY,	     /* 0 = certificates are not verified */
	COURIER_MESSAGE,     /* robots, wecom_app: enum courier_chat_form; syslog: enum
				courier_syslog_form */
	COURIER_TRANSPORT,   /* syslog: enum locator_transport (policy/locator.h) */
	COURIER_FRAMING,     /* syslog: 0 octet counting, 1 newline */
	COURIER_FACILITY,    /* syslog */
	COURIER_SIZE_MAX,    /* syslog: bytes of a message, 0 = the transport's own */
	COURIER_ENTERPRISE,  /* syslog: number in the structured data's name */
	COURIER_AGENT,	     /* wecom_app */
	COURIER_RECIPIENT,   /* wecom_app: enum courier_recipient */
	COURIER_ALL,	     /* dingtalk, wecom_robot: mention everybody; email: one mail each */
	COURIER_MECHANISM,   /* kafka: enum courier_mechanism */
	COURIER_IDEMPOTENCE, /* kafka */
	COURIER_REDIRECTS,   /* http */
	COURIER_EARLIEST,    /* a source whose group is new begins with what the topic has */
	COURIER_NUMBER_COUNT,
};

enum courier_mail_tls {
	COURIER_MAIL_CLEAR,
	COURIER_MAIL_STARTTLS,
	COURIER_MAIL_IMPLICIT,
};
enum courier_chat_form {
	COURIER_MARKDOWN,
	COURIER_PLAINTEXT,
};
enum courier_syslog_form {
	COURIER_RFC5424,
	COURIER_RFC3164,
};
enum courier_recipient {
	COURIER_PARTY,
	COURIER_PERSON,
	COURIER_TAG,
};
enum courier_mechanism {
	COURIER_NO_SASL,
	COURIER_PLAIN_SASL,
	COURIER_SCRAM_256,
	COURIER_SCRAM_512,
};

enum courier_event {
	COURIER_FIRING,
	COURIER_RECOVERED,
	COURIER_NOTICE,
	COURIER_TEST,
	COURIER_DIGEST, /* several, one line of plain text each in the body */
};

struct courier_push {
	char push[IDENT_SIZE]; /* outbox row; also the delivery id sent in the headers */
	uint32_t kind;	       /* enum endpoint_kind (policy/settings.h) */
	uint32_t attempt;      /* from 1 */
	uint32_t timeout_ms;   /* whole exchange */
	uint32_t level;	       /* enum level (policy/level.h) */
	uint32_t event;	       /* enum courier_event */
	int64_t at;	       /* ns since the epoch: when it happened */
	uint32_t numbers[COURIER_NUMBER_COUNT];
	uint32_t offsets[COURIER_TEXT_COUNT]; /* into data; 0 = "" */
	uint32_t used;			      /* bytes of data */
	char data[COURIER_DATA_SIZE];	      /* begins with a NUL */
};

/* Clears all but the id. */
void courier_push_init(struct courier_push *push, const char *id);
/* Once per text. 0, or -ENOSPC. */
int courier_push_set(struct courier_push *push, enum courier_text which, const char *text);
/* Never NULL. */
const char *courier_push_get(const struct courier_push *push, enum courier_text which);
/* Bytes to send. */
size_t courier_push_size(const struct courier_push *push);
/* 1 if a received message of `size` bytes has the form of a push. */
int courier_push_is_sound(const struct courier_push *push, size_t size);

enum courier_verdict {
	VERDICT_DELIVERED,
	VERDICT_RETRY,	   /* later; retry_after_ms if the peer named a time */
	VERDICT_PERMANENT, /* never again: dead letter */
	VERDICT_DISABLE,   /* 410: the endpoint wants no more */
};

enum courier_step { /* where it failed */
		    COURIER_STEP_NONE,
		    COURIER_STEP_DNS,
		    COURIER_STEP_CONNECT,
		    COURIER_STEP_TLS,
		    COURIER_STEP_AUTH, /* the peer does not accept who we say we are */
		    COURIER_STEP_PROTOCOL,
		    COURIER_STEP_REMOTE,  /* the peer answered with a refusal */
		    COURIER_STEP_REQUEST, /* our own request was not sendable */
};

const char *courier_verdict_name(enum courier_verdict verdict);
const char *courier_step_name(enum courier_step step);

struct courier_result {
	char push[IDENT_SIZE];
	uint32_t verdict; /* enum courier_verdict */
	uint32_t step;	  /* enum courier_step */
	uint32_t status;  /* HTTP status, SMTP reply or 0 */
	uint32_t elapsed_ms;
	int64_t retry_after_ms; /* 0 = not told; at most one hour */
	char reference[128];	/* the peer's name for what it took; slack: "channel ts" */
	char text[512];		/* the remote's answer or the error, control bytes escaped */
};

struct courier_health {
	uint32_t stall_us; /* longest time the loop did not turn since the last message */
};

/* ---- topics that are sources ----
 *
 * Records come in batches of at most COURIER_BATCH_MAX, whose messages follow each other without
 * others of that source between them; the next one follows COURIER_TAKEN, when the offsets of this
 * one are committed. A new link begins anew: control tells its sources again,
 * and what was not taken is sent again. */

#define COURIER_BATCH_MAX  64
#define COURIER_RECORD_MAX (256 * 1024) /* bytes; longer ones come without them */

struct courier_source {
	char source[IDENT_SIZE];
	uint64_t batch; /* COURIER_TAKEN: which */
};

enum courier_record_flag {
	COURIER_RECORD_MORE = 1, /* the next message has more of this record */
	COURIER_RECORD_LAST = 2, /* no record: the batch ends here */
	COURIER_RECORD_LONG = 4, /* too long */
};

struct courier_record {
	char source[IDENT_SIZE];
	uint32_t flags;
	int32_t partition;
	int64_t offset; /* COURIER_RECORD_LAST: the batch's number, which is never used again */
	uint32_t used;	/* bytes of data */
	char data[COURIER_DATA_SIZE];
};

struct courier_consuming {
	char source[IDENT_SIZE];
	uint32_t partitions; /* assigned to us; 0 = none yet */
	char problem[200];   /* "" = none is known of */
};

struct courier_config {
	char ca_file[256]; /* "" = the system's */
	int connect_timeout_ms;
	char allow[512]; /* addresses and networks that are allowed although they are denied */
};

/* The courier process. Runs until the supervisor says stop or is gone; returns an exit status. */
int courier_main(int supervisor, const struct courier_config *config);
