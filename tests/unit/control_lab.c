/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control_lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/child.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "capture/compiler.h"
#include "capture/digest.h"
#include "capture/extract.h"
#include "storage/segment.h"

#define RING 0
#define NIC  "cap0"

/* ---- folder, port, memory ---- */

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(fd >= 0 && !bind(fd, (struct sockaddr *)&address, size));
	check(!getsockname(fd, (struct sockaddr *)&address, &size));
	close(fd);
	return ntohs(address.sin_port);
}

static void make_memory(struct lab *lab)
{
	struct shared_ring *ring;

	lab->memory = memfd_create("lab", MFD_CLOEXEC);
	check(lab->memory >= 0 && !ftruncate(lab->memory, sizeof(struct shared)));
	lab->shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			   lab->memory, 0);
	check(lab->shared != MAP_FAILED);
	lab->shared->magic = SHARED_MAGIC;
	lab->shared->version = SHARED_VERSION;
	lab->shared->ring_count = 1;
	ring = &lab->shared->rings[RING];
	memcpy(ring->nic, NIC, sizeof(NIC));
	ring->link_type = 1;
	ring->block_bytes = 1 << 18;
	ring->block_count = 64;
	ring->state = NIC_UP;
}

static void read_tokens(struct lab *lab)
{
	CLEANUP_BUF struct buf text = BUF_INIT;
	CLEANUP_JSON json_t *json = NULL;
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "%s/tokens.json", lab->config.state);
	check(!file_read(AT_FDCWD, path, 65536, &text));
	check(!stat(path, &st));
	check_int(st.st_mode & 0777, 0600);
	json = json_loads(text.data, 0, NULL);
	check(json);
	snprintf(lab->admin, sizeof(lab->admin), "%s", lab_text(json, "admin"));
	snprintf(lab->native, sizeof(lab->native), "%s", lab_text(json, "sources.native"));
	check_int(strlen(lab->admin), 32);
	check_int(strlen(lab->native), 32);
}

/* ---- the supervisor's part ---- */

static void start_worker(struct lab *lab, const struct child_worker *request)
{
	int fds[2];
	pid_t pid;

	check(!ipc_pair(fds));
	pid = fork();
	check(pid >= 0);
	if (!pid) {
		/* the grandchild works, nobody has to wait for it */
		if (fork())
			_exit(0);
		close(fds[0]);
		_exit(request->kind == WORKER_COMPILE  ? compiler_main(fds[1])
		      : request->kind == WORKER_DIGEST ? digest_main(fds[1])
						       : extract_main(fds[1]));
	}
	waitpid(pid, NULL, 0);
	close(fds[1]);
	ipc_send(lab->supervisor, CHILD_WORKER, request, sizeof(*request), fds[0]);
	close(fds[0]);
}

static void on_supervisor(struct lab *lab, const struct ipc_message *message)
{
	if (message->type == CHILD_READY)
		lab->ready = true;
	if (message->type == CHILD_WORKER_REQUEST)
		start_worker(lab, (const void *)message->body);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void new_peer(struct lab *lab, enum role role, int *end)
{
	struct child_peer peer = {.role = role};
	int fds[2];

	close_end(end);
	check(!ipc_pair(fds));
	check(!ipc_send_wait(lab->supervisor, CHILD_PEER, &peer, sizeof(peer), fds[1], 1000));
	close(fds[1]);
	*end = fds[0];
}

void lab_new_recorder(struct lab *lab)
{
	new_peer(lab, ROLE_RECORDER, &lab->recorder);
}

void lab_new_courier(struct lab *lab)
{
	new_peer(lab, ROLE_COURIER, &lab->courier);
}

static void run_control(struct lab *lab, int supervisor)
{
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk here */
	if (!getenv("LAB_LOG")) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 2);
	}
	log_open("control", LOG_LEVEL_DEBUG);
	exit(control_main(supervisor, &lab->config)); /* not _exit: the leak check runs at exit */
}

struct lab_life {
	struct lab *lab;
	int supervisor;
};

static void *run_thread(void *arg)
{
	struct lab_life *life = arg;

	check(!control_main(life->supervisor, &life->lab->config));
	free(life);
	return NULL;
}

static void start_thread(struct lab *lab, int supervisor)
{
	struct lab_life *life = xcalloc(1, sizeof(*life));

	*life = (struct lab_life){lab, supervisor};
	check(!pthread_create(&lab->thread, NULL, run_thread, life));
}

static void start_process(struct lab *lab, const int fds[2])
{
	lab->control = fork();
	check(lab->control >= 0);
	if (!lab->control) {
		close(fds[0]);
		run_control(lab, fds[1]);
	}
	close(fds[1]);
}

void lab_start(struct lab *lab)
{
	int fds[2];

	check(!ipc_pair(fds));
	lab->ready = lab->closed = false;
	if (lab->threaded)
		start_thread(lab, fds[1]);
	else
		start_process(lab, fds);
	lab->supervisor = fds[0];
	check(!ipc_send_wait(lab->supervisor, CHILD_SHARED, NULL, 0, lab->memory, 1000));
	lab_new_recorder(lab);
	lab_new_courier(lab);
	check(!ipc_send_wait(lab->supervisor, CHILD_GO, NULL, 0, -1, 1000));
	lab_wait(lab, lab->ready, 5);
	read_tokens(lab);
}

void lab_kill(struct lab *lab)
{
	kill(lab->control, SIGKILL);
	waitpid(lab->control, NULL, 0);
	lab->control = 0;
	close_end(&lab->supervisor);
	close_end(&lab->recorder);
	close_end(&lab->courier);
	lab->start_count = lab->stop_count = lab->edit_count = lab->sync_count = 0;
	lab->push_count = 0;
}

static void init_in(struct lab *lab, const char *folder)
{
	snprintf(lab->folder, sizeof(lab->folder), "%s/ringbell-control-XXXXXX", folder);
	check(mkdtemp(lab->folder));
	snprintf(lab->config.state, sizeof(lab->config.state), "%s/state", lab->folder);
	snprintf(lab->config.captures, sizeof(lab->config.captures), "%s/captures", lab->folder);
	check(!mkdir(lab->config.state, 0700));
	check(!mkdir(lab->config.captures, 0770));
	snprintf(lab->config.listen, sizeof(lab->config.listen), "127.0.0.1:%d", free_port());
	lab->config.request_timeout_ms = 1000;
	lab->starts = xcalloc(LAB_MESSAGES_MAX, sizeof(*lab->starts));
	lab->edits = xcalloc(LAB_MESSAGES_MAX, sizeof(*lab->edits));
	lab->pushes = xcalloc(LAB_MESSAGES_MAX, sizeof(*lab->pushes));
	lab->auto_sync = true;
	lab->supervisor = lab->recorder = lab->courier = -1;
	make_memory(lab);
	lab_start(lab);
}

void lab_init(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	init_in(lab, "/tmp");
}

void lab_init_thread(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	lab->threaded = true;
	init_in(lab, access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
}

static void wait_end(struct lab *lab)
{
	int status = 0;

	if (lab->threaded) {
		check(!pthread_join(lab->thread, NULL));
		return;
	}
	check_int(waitpid(lab->control, &status, 0), lab->control);
	check_int(status, 0);
}

/* Asks nicely first, so that leaks are seen by the sanitizer. */
void lab_fini(struct lab *lab)
{
	close_end(&lab->recorder);
	check(!ipc_send_wait(lab->supervisor, CHILD_STOP, NULL, 0, -1, 1000));
	lab_wait(lab, lab->closed, 4);
	wait_end(lab);
	close_end(&lab->supervisor);
	close_end(&lab->courier);
	munmap(lab->shared, sizeof(struct shared));
	close(lab->memory);
	free(lab->starts);
	free(lab->edits);
	free(lab->pushes);
	nftw(lab->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- recorder and courier ---- */

void lab_send_synced(struct lab *lab)
{
	struct rec_report_head head = {0};

	check(!ipc_send_wait(lab->recorder, REC_SYNCED, &head, sizeof(head), -1, 1000));
}

static size_t take_place(const struct lab *lab, size_t *count)
{
	check(*count < LAB_MESSAGES_MAX || lab->threaded);
	if (*count == LAB_MESSAGES_MAX)
		*count = 0;
	return (*count)++;
}

static void on_recorder(struct lab *lab, const struct ipc_message *message)
{
	switch (message->type) {
	case REC_SYNC:
		lab->sync_count++;
		if (lab->auto_sync)
			lab_send_synced(lab);
		break;
	case REC_START:
		check(ipc_is(message, struct rec_start));
		memcpy(&lab->starts[take_place(lab, &lab->start_count)], message->body,
		       message->size);
		break;
	case REC_STOP:
		check(ipc_is(message, struct rec_stop));
		memcpy(&lab->stops[take_place(lab, &lab->stop_count)], message->body,
		       message->size);
		break;
	case REC_EDIT:
		check(ipc_is(message, struct rec_edit));
		memcpy(&lab->edits[take_place(lab, &lab->edit_count)], message->body,
		       message->size);
		break;
	case REC_SEARCH:
		memcpy(&lab->search, message->body, sizeof(lab->search));
		lab->search_count++;
		break;
	case REC_SEARCH_FILE:
	case REC_SEARCH_END:
		break;
	case REC_ACK:
		lab->acked = ((const struct rec_ack *)message->body)->report;
		break;
	default:
		check(false);
	}
}

static void on_courier(struct lab *lab, const struct ipc_message *message)
{
	const struct courier_source *source = (const void *)message->body;
	const struct courier_push *push = (const void *)message->body;

	switch (message->type) {
	case COURIER_TAKEN:
		lab->taken_count++;
		lab->taken = source->batch;
		return;
	case COURIER_CONSUME_END:
		lab->consume_end_count++;
		return;
	case COURIER_CONSUME:
		check(courier_push_is_sound(push, message->size));
		lab->consume_count++;
		memcpy(lab->consumed, push->push, sizeof(lab->consumed));
		return;
	default:
		check(message->type == COURIER_PUSH);
		check(courier_push_is_sound(push, message->size));
		memcpy(&lab->pushes[take_place(lab, &lab->push_count)], push, message->size);
	}
}

static void drain(struct lab *lab, int *end, void (*call)(struct lab *, const struct ipc_message *))
{
	static struct ipc_message message;
	int r;

	while (*end >= 0 && (r = ipc_receive(*end, &message)) != IPC_EMPTY) {
		if (r) {
			if (end == &lab->supervisor)
				lab->closed = true;
			close_end(end);
			return;
		}
		call(lab, &message);
		if (message.fd >= 0)
			close(message.fd);
	}
}

void lab_pump(struct lab *lab, int timeout_ms)
{
	struct pollfd fds[3] = {{.fd = lab->supervisor, .events = POLLIN},
				{.fd = lab->recorder, .events = POLLIN},
				{.fd = lab->courier, .events = POLLIN}};

	poll(fds, 3, timeout_ms);
	drain(lab, &lab->supervisor, on_supervisor);
	drain(lab, &lab->recorder, on_recorder);
	drain(lab, &lab->courier, on_courier);
}

void lab_idle(struct lab *lab, int ms)
{
	mono_t end = mono_add(mono_now(), ms * DUR_MS);

	while (mono_sub(end, mono_now()) > 0)
		lab_pump(lab, 5);
}

/* ---- reports ---- */

static void send_report(struct lab *lab, uint32_t type, const struct rec_start *start, void *report,
			size_t size)
{
	struct rec_report_head *head = report;

	head->report = type == REC_TRACK ? 0 : ++lab->report;
	head->ring = start->ring;
	memcpy(head->capture, start->capture, sizeof(head->capture));
	check(!ipc_send_wait(lab->recorder, type, report, size, -1, 1000));
}

void lab_report_started(struct lab *lab, const struct rec_start *start)
{
	struct rec_started report = {.first_seq = 1, .reach_wall_ns = wall_now().ns - DUR_MIN};

	send_report(lab, REC_STARTED, start, &report, sizeof(report));
}

static void segment_text(const struct rec_start *start, uint32_t number, char name[REC_NAME_SIZE])
{
	struct segment_name parts = {.time = {start->from_wall_ns}, .number = number};

	snprintf(parts.policy, sizeof(parts.policy), "%s", start->policy);
	snprintf(parts.nic, sizeof(parts.nic), NIC);
	segment_name_format(&parts, name);
}

void lab_tell_sealed(struct lab *lab, const struct rec_start *start, uint32_t number, size_t bytes,
		     uint64_t packets, uint64_t lost)
{
	struct rec_segment report = {.segment = number,
				     .state = SEGMENT_SEALED,
				     .file_bytes = bytes,
				     .packets = packets,
				     .bytes = packets * 100,
				     .first_wall_ns = wall_now().ns - DUR_S,
				     .last_wall_ns = wall_now().ns};

	segment_text(start, number, report.name);
	report.loss.kernel = lost;
	send_report(lab, REC_SEGMENT, start, &report, sizeof(report));
}

void lab_report_sealed(struct lab *lab, const struct rec_start *start, uint32_t number,
		       size_t bytes, uint64_t packets)
{
	CLEANUP_FREE char *data = xmalloc(bytes);
	char name[REC_NAME_SIZE];
	char path[512];
	int fd;

	segment_text(start, number, name);
	snprintf(path, sizeof(path), "%s/%s/%s", lab->config.captures, start->folder, name);
	for (size_t i = 0; i < bytes; i++)
		data[i] = (char)(i * 7 + number);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	check(fd >= 0 && !file_write_all(fd, data, bytes));
	close(fd);
	lab_tell_sealed(lab, start, number, bytes, packets, 0);
}

void lab_report_finished(struct lab *lab, const struct rec_start *start, enum rec_end end,
			 uint64_t packets)
{
	struct rec_finished report = {.end = end, .packets = packets};

	send_report(lab, REC_FINISHED, start, &report, sizeof(report));
}

void lab_report_track(struct lab *lab, const struct rec_start *start)
{
	struct rec_track report = {.following = 1};

	send_report(lab, REC_TRACK, start, &report, sizeof(report));
}

void lab_verdict(struct lab *lab, const struct courier_push *push, enum courier_verdict verdict,
		 int64_t retry_after_ms)
{
	struct courier_result result = {.verdict = verdict,
					.status = verdict == VERDICT_DELIVERED ? 200 : 503,
					.retry_after_ms = retry_after_ms,
					.text = "the remote's words"};

	memcpy(result.push, push->push, sizeof(result.push));
	check(!ipc_send_wait(lab->courier, COURIER_RESULT, &result, sizeof(result), -1, 1000));
}

/* ---- HTTP ---- */

int lab_connect(const struct lab *lab)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const char *colon = strchr(lab->config.listen, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
	check(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)));
	check(!fcntl(fd, F_SETFL, O_NONBLOCK));
	return fd;
}

/* Sends and receives at the same time, with everything else moving on: control may need a worker,
 * or refuse before it has read all. */
static void http_exchange(struct lab *lab, int fd, const struct buf *out, struct buf *in)
{
	mono_t end = mono_add(mono_now(), 10 * DUR_S);
	size_t sent = 0;

	for (;;) {
		char data[65536];
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return;
		if (n > 0) {
			buf_append(in, data, (size_t)n);
			continue;
		}
		if (sent < out->len) {
			n = send(fd, out->data + sent, out->len - sent, MSG_NOSIGNAL);
			sent += n > 0 ? (size_t)n : 0;
		}
		check(mono_sub(end, mono_now()) > 0);
		lab_pump(lab, 1);
	}
}

static void parse_answer(struct buf *in, struct lab_answer *ret)
{
	char *body = in->data ? strstr(in->data, "\r\n\r\n") : NULL;
	size_t head;

	check(body && !strncmp(in->data, "HTTP/1.1 ", 9));
	head = (size_t)(body - in->data) + 2;
	check(head < sizeof(ret->head));
	memcpy(ret->head, in->data, head);
	ret->head[head] = '\0';
	ret->status = (int)strtol(in->data + 9, NULL, 10);
	ret->len = in->len - head - 2;
	ret->body = xmalloc(ret->len + 1);
	memcpy(ret->body, body + 4, ret->len);
	ret->body[ret->len] = '\0';
	ret->json = json_loadb(ret->body, ret->len, 0, NULL);
}

void lab_ask_with(struct lab *lab, const char *method, const char *path, const char *token,
		  const char *headers, const char *body, size_t len, struct lab_answer *ret)
{
	CLEANUP_BUF struct buf out = BUF_INIT, in = BUF_INIT;
	int fd = lab_connect(lab);

	memset(ret, 0, sizeof(*ret));
	buf_printf(&out, "%s %s HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n%s", method, path,
		   headers);
	if (token)
		buf_printf(&out, "Authorization: Bearer %s\r\n", token);
	if (body)
		buf_printf(&out, "Content-Length: %zu\r\n", len);
	buf_append_text(&out, "\r\n");
	if (body)
		buf_append(&out, body, len);
	http_exchange(lab, fd, &out, &in);
	close(fd);
	parse_answer(&in, ret);
}

void lab_ask(struct lab *lab, const char *method, const char *path, const char *body,
	     struct lab_answer *ret)
{
	lab_ask_with(lab, method, path, lab->admin, "", body, body ? strlen(body) : 0, ret);
}

void lab_answer_fini(struct lab_answer *answer)
{
	free(answer->body);
	json_decref(answer->json);
}

json_t *lab_call(struct lab *lab, int status, const char *method, const char *path,
		 const char *body)
{
	struct lab_answer answer;
	json_t *json;

	lab_ask(lab, method, path, body, &answer);
	if (answer.status != status)
		fprintf(stderr, "%s %s: %d %s\n", method, path, answer.status, answer.body);
	check_int(answer.status, status);
	json = json_incref(answer.json);
	lab_answer_fini(&answer);
	return json;
}

const char *lab_header(const struct lab_answer *answer, const char *name, char value[256])
{
	size_t len = strlen(name);

	value[0] = '\0';
	for (const char *line = answer->head; (line = strstr(line, "\r\n")); line += 2)
		if (!strncasecmp(line + 2, name, len) && line[2 + len] == ':')
			sscanf(line + 3 + len, " %255[^\r]", value);
	return value;
}

void lab_alert(struct lab *lab, const char *level, const char *object, char outcome[32])
{
	CLEANUP_FREE char *body = xasprintf("{\"level\": \"%s\", \"policy\": \"latency\", "
					    "\"object\": \"%s\", \"title\": \"slow\"}",
					    level, object);
	CLEANUP_FREE char *path = xasprintf("/in/native/%s", lab->native);
	CLEANUP_JSON json_t *json = lab_call(lab, 200, "POST", path, body);
	const json_t *first = json_array_get(json_object_get(json, "alerts"), 0);

	snprintf(outcome, 32, "%s", lab_text(first, "outcome"));
}

/* ---- JSON ---- */

static const json_t *look_up(const json_t *json, const char *path)
{
	char text[128];
	char *rest = text, *key;

	snprintf(text, sizeof(text), "%s", path);
	while (json && (key = strsep(&rest, ".")))
		json = json_object_get(json, key);
	return json;
}

const char *lab_text(const json_t *json, const char *path)
{
	const char *text = json_string_value(look_up(json, path));

	return text ? text : "";
}

int64_t lab_number(const json_t *json, const char *path)
{
	return json_integer_value(look_up(json, path));
}
