/* SPDX-License-Identifier: Apache-2.0 */
/* libpcap tells what is wrong with a filter but not where. We find out by trying: the text makes
 * sense up to a token if some short completion of it compiles. The search compiles without the
 * optimiser, which is the super-linear part, and has a budget of time. */
#include "capture/compiler.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "capture/filter.h"

#define MESSAGE_TYPE 1u
#define WAIT_MS	     10000
#define COMPILE_MS   250
#define MEMORY_BYTES (64ul << 20)
#define CPU_S	     1
#define SEARCH_FOR   (80 * DUR_MS)
#define SNAPLEN	     262144
#define NESTING_MAX  64
#define LOOK_AHEAD   6 /* tokens to try behind one that no completion of ours fits */

/* In front of the brackets that are still open, and behind them. Not every grammar rule needs to be
 * here: one token without a completion is bridged by LOOK_AHEAD. */
static const char *const completions[] = {
	"",
	" 1",
	" tcp",
	" 1.2.3.4",
	" host 1.2.3.4",
	" = 1",
	" 1 = 1",
	" ::1",
	" 1:2:3:4:5:6",
	" host 1:2:3:4:5:6",
	" 1-2",
	" 255.255.255.255",
	" dst host 1.2.3.4",
	" mgt",
	" beacon",
	" 0x800",
};
static const char *const endings[] = {"", " = 1"};

struct search {
	const char *text;
	pcap_t *pcap;
	mono_t deadline;
	size_t count; /* of tokens */
	struct token {
		uint32_t start;
		uint32_t end;
	} tokens[COMPILE_TEXT_MAX];
	char attempt[COMPILE_TEXT_MAX + 2 * NESTING_MAX + 64];
};

static void pcap_close_ptr(pcap_t **pcap)
{
	if (*pcap)
		pcap_close(*pcap);
}

/* LINKTYPE_… (in files) and DLT_… (in libpcap) differ where BSDs disagreed. */
static int dlt_of(uint32_t link_type)
{
	switch (link_type) {
	case 100:
		return DLT_ATM_RFC1483;
	case 101:
		return DLT_RAW;
	default:
		return (int)link_type;
	}
}

/* --- where it stops making sense --- */

static int is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("._-/\\$\"'#@", c) || (c & 0x80);
}

/* End of the token that starts at p (not white space). A ':' belongs to a word (addresses) except
 * between square brackets (offset:size). */
static const char *token_end(const char *p, int in_brackets)
{
	if (is_word(*p) || (*p == ':' && !in_brackets)) {
		while (*p && (is_word(*p) || (*p == ':' && !in_brackets)))
			p++;
		return p;
	}
	if (strchr("&|=<>", p[0]) && p[1] == p[0])
		return p + 2;
	return p + (strchr("!<>", p[0]) && p[1] == '=' ? 2 : 1);
}

static void split(struct search *s)
{
	const char *p = s->text;
	int brackets = 0;

	while (*p) {
		const char *end;

		if (isspace((unsigned char)*p)) {
			p++;
			continue;
		}
		end = token_end(p, brackets > 0);
		brackets += *p == '[' ? 1 : *p == ']' && brackets > 0 ? -1 : 0;
		s->tokens[s->count++] =
			(struct token){(uint32_t)(p - s->text), (uint32_t)(end - s->text)};
		p = end;
	}
}

/* What closes the brackets open in the first len bytes of text, innermost first. Returns -1 if one
 * closes that was not open, or there are too many. */
static int closers(const char *text, size_t len, char out[NESTING_MAX + 1])
{
	char open[NESTING_MAX];
	int n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '(' || c == '[') {
			if (n == NESTING_MAX)
				return -1;
			open[n++] = c == '(' ? ')' : ']';
		} else if ((c == ')' || c == ']') && (n == 0 || open[--n] != c)) {
			return -1;
		}
	}
	for (int i = 0; i < n; i++)
		out[i] = open[n - 1 - i];
	out[n] = '\0';
	return n;
}

static int compiles(struct search *s)
{
	struct bpf_program program;

	if (pcap_compile(s->pcap, &program, s->attempt, 0, PCAP_NETMASK_UNKNOWN))
		return 0;
	pcap_freecode(&program);
	return 1;
}

/* prefix + completion + closers + ending; a closed '[' must be compared before an outer ')'. */
static int try_one(struct search *s, size_t prefix, const char *completion, const char *close,
		   const char *ending)
{
	const char *square = strrchr(close, ']');
	int split_at = square ? (int)(square - close) + 1 : (int)strlen(close);

	snprintf(s->attempt, sizeof(s->attempt), "%.*s%s%.*s%s%s", (int)prefix, s->text, completion,
		 split_at, close, ending, close + split_at);
	return compiles(s);
}

/* 1 if some completion of the first `count` tokens compiles. */
static int completable(struct search *s, size_t count)
{
	size_t prefix = count ? s->tokens[count - 1].end : 0;
	char close[NESTING_MAX + 1];

	if (!count)
		return 1;
	if (closers(s->text, prefix, close) < 0)
		return 0;
	for (size_t e = 0; e < ARRAY_SIZE(endings); e++)
		for (size_t c = 0; c < ARRAY_SIZE(completions); c++)
			if (try_one(s, prefix, completions[c], close, endings[e]))
				return 1;
	return 0;
}

static int out_of_time(const struct search *s)
{
	return mono_sub(s->deadline, mono_now()) < 0;
}

/* The most tokens, at least `low`, that can be completed: an error stays one whatever follows, so
 * halving finds it. */
static size_t last_good(struct search *s, size_t low)
{
	size_t high = s->count + 1;

	while (high - low > 1 && !out_of_time(s)) {
		size_t middle = low + (high - low) / 2;

		if (completable(s, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint32_t find_position(pcap_t *pcap, const char *text)
{
	CLEANUP_FREE struct search *s = xcalloc(1, sizeof(*s));
	size_t good = 0;

	s->text = text;
	s->pcap = pcap;
	s->deadline = mono_add(mono_now(), SEARCH_FOR);
	split(s);
	for (;;) {
		size_t further = 0;

		good = last_good(s, good);
		for (size_t n = good + 2; n <= s->count && n <= good + LOOK_AHEAD; n++)
			if (!further && !out_of_time(s) && completable(s, n))
				further = n;
		if (!further)
			break;
		good = further;
	}
	if (good < s->count)
		return s->tokens[good].start;
	/* Every part is right: something is missing at the end, or only the whole is wrong. */
	return try_one(s, strlen(text), "", "", "") ? 0 : (uint32_t)strlen(text);
}

/* --- compiling --- */

/* Says why a name is unknown to us that may be known elsewhere. */
static const char *hint(const char *message)
{
	if (strstr(message, "unknown host") || strstr(message, "unknown network") ||
	    strstr(message, "unknown ether host"))
		return ": names are not resolved; write addresses";
	if (strstr(message, "unknown port") || strstr(message, "unknown service") ||
	    strstr(message, "unknown ip proto") || strstr(message, "unknown protocol"))
		return ": names are not looked up; write numbers";
	return "";
}

static int refuse(struct compile_reply *reply, uint32_t position, const char *message)
{
	reply->ok = 0;
	reply->position = position;
	snprintf(reply->message, sizeof(reply->message), "%s%s", message, hint(message));
	return -EINVAL;
}

static int take_program(const struct bpf_program *program, struct compile_reply *reply)
{
	struct filter *filter;
	char text[100];

	if (program->bf_len > REC_INSNS_MAX) {
		snprintf(text, sizeof(text), "the filter becomes %u instructions, %d are allowed",
			 program->bf_len, REC_INSNS_MAX);
		return refuse(reply, 0, text);
	}
	for (u_int i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *from = &program->bf_insns[i];

		reply->program.insns[i] =
			(struct sock_filter){from->code, from->jt, from->jf, from->k};
	}
	reply->program.count = program->bf_len;
	/* the recorder's own judgement; what comes out of libpcap fails it only by "protochain" */
	if (filter_new(&reply->program, &filter)) {
		reply->program.count = 0;
		return refuse(reply, 0,
			      "the filter becomes a program that may never end (protochain)");
	}
	filter_free(filter);
	reply->ok = 1;
	return 0;
}

int compiler_compile(const struct compile_request *request, struct compile_reply *reply)
{
	CLEANUP(pcap_close_ptr) pcap_t *pcap = NULL;
	struct bpf_program program;
	int r;

	memset(reply, 0, sizeof(*reply));
	if (!memchr(request->text, '\0', sizeof(request->text)))
		return refuse(reply, COMPILE_TEXT_MAX, "the filter is too long");
	pcap = pcap_open_dead(dlt_of(request->link_type), SNAPLEN);
	if (!pcap)
		return refuse(reply, 0, "out of memory");
	if (pcap_compile(pcap, &program, request->text, 1, PCAP_NETMASK_UNKNOWN)) {
		/* the words first: finding the place overwrites them */
		r = refuse(reply, 0, pcap_geterr(pcap));
		reply->position = find_position(pcap, request->text);
		return r;
	}
	r = take_program(&program, reply);
	pcap_freecode(&program);
	return r;
}

/* --- the worker --- */

static int limit(int resource, rlim_t value)
{
	struct rlimit r = {value, value};

	return setrlimit((__rlimit_resource_t)resource, &r) ? -errno : 0;
}

/* Address space in use: we are forked from a larger process and limit what comes on top. Read from
 * /proc, which a sandbox hides. */
static rlim_t mapped_bytes(void)
{
	unsigned long pages = 0;
	CLEANUP_FCLOSE FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%lu", &pages) != 1)
		return 0;
	return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

int compiler_limit(void)
{
	return limit(RLIMIT_AS, mapped_bytes() + MEMORY_BYTES);
}

static int limit_self(void)
{
	int r;

	/* A limit of one descriptor: number 0 is taken, so no other can be had (a limit of none
	 * would also forbid poll to look at one). */
	if (fcntl(0, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != 0)
		return -EBADF;
	r = limit(RLIMIT_NOFILE, 1);
	if (!r)
		r = limit(RLIMIT_CPU, CPU_S);
	if (!r)
		r = limit(RLIMIT_CORE, 0);
	return r;
}

/* Death by SIGALRM when the compiler takes too long. */
static void start_alarm(void)
{
	struct itimerval timer = {.it_value.tv_usec = COMPILE_MS * 1000};
	sigset_t set;

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_alarm(void)
{
	struct itimerval timer = {0};

	setitimer(ITIMER_REAL, &timer, NULL);
}

int compiler_main(int socket)
{
	CLEANUP_FREE struct ipc_message *message = xmalloc(sizeof(*message));
	CLEANUP_FREE struct compile_reply *reply = xmalloc(sizeof(*reply));

	if (limit_self())
		return EXIT_FAILURE;
	if (ipc_receive_wait(socket, message, WAIT_MS))
		return EXIT_FAILURE;
	if (message->type != MESSAGE_TYPE || !ipc_is(message, struct compile_request))
		return EXIT_FAILURE;
	start_alarm();
	compiler_compile((const struct compile_request *)message->body, reply);
	stop_alarm();
	if (ipc_send_wait(socket, MESSAGE_TYPE, reply, sizeof(*reply), -1, WAIT_MS))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
