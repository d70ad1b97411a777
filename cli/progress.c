/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/text.h"

#define FIRST	 (1 * DUR_S)
#define INTERVAL (200 * DUR_MS)

void progress_start(struct progress *p, uint64_t start_bytes, uint64_t total_bytes)
{
	*p = (struct progress){.terminal = isatty(STDERR_FILENO),
			       .start_bytes = start_bytes,
			       .total_bytes = total_bytes,
			       .start = mono_now(),
			       .last = mono_now()};
}

static void show(const struct progress *p, uint64_t bytes, dur_t since)
{
	/* a segment that is fetched again takes us back */
	double fresh = bytes > p->start_bytes ? (double)(bytes - p->start_bytes) : 0;
	double rate = fresh * DUR_S / (double)since;
	double left = rate > 0 ? (double)(p->total_bytes - bytes) / rate : 0;
	char done[TEXT_BYTES_SIZE], total[TEXT_BYTES_SIZE], speed[TEXT_BYTES_SIZE];

	fprintf(stderr, "\r%s of %s  %3.0f %%  %s/s  %.0f s left \x1b[K",
		text_format_bytes(bytes, done), text_format_bytes(p->total_bytes, total),
		p->total_bytes ? 100.0 * (double)bytes / (double)p->total_bytes : 100.0,
		text_format_bytes((uint64_t)rate, speed), left);
	fflush(stderr);
}

void progress_step(struct progress *p, uint64_t bytes)
{
	mono_t now = mono_now();
	dur_t since = mono_sub(now, p->start);

	if (!p->terminal || since < FIRST || mono_sub(now, p->last) < INTERVAL)
		return;
	p->last = now;
	p->shown = true;
	show(p, bytes, since);
}

void progress_stop(struct progress *p)
{
	if (p->shown)
		fprintf(stderr, "\r\x1b[K");
	p->shown = false;
}
