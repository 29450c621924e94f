/*
 * input: reads from clients, and is the only module that does; and the buffer
 * for what it has read.  Every wait has a deadline.
 */
#ifndef TINED_CONNECTION_INPUT_H
#define TINED_CONNECTION_INPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum input_result {
	INPUT_BYTES, /* more bytes have arrived */
	INPUT_END,   /* the client sends no more */
	INPUT_TIMEOUT,
	INPUT_FAILED, /* a reset, or another error */
};

struct input {
	int fd;	    /* not owned; -1 if detached */
	char *data; /* owned */
	size_t size;
	size_t begin; /* data[begin..end) is not taken yet */
	size_t end;
	size_t touched; /* the largest end so far */
	size_t held;	/* data[0..held) must not move */
	uint64_t taken; /* bytes since input_attach */
	/* SO_RCVTIMEO, for input_wait; set once for each client that is
	 * waited for.  0: the socket has the right one. */
	int64_t timeout;
	/* For input_hurry: fd while input_wait waits, else -1. */
	volatile sig_atomic_t idle_fd;
	volatile sig_atomic_t hurry;
	volatile sig_atomic_t yield; /* input_yield */
};

void input_init(struct input *in, size_t size);
void input_free(struct input *in);
/* Begins with a socket, whose SO_RCVTIMEO is right. */
void input_attach(struct input *in, int fd);
/*
 * Sets SO_RCVTIMEO, in nanoseconds, before the first wait: a worker that was
 * taken over can have changed that of the listener, or of this socket.
 */
void input_limit_wait(struct input *in, int64_t timeout);
/* Between clients: releases the memory of the buffer, if much was used. */
bool input_forget(struct input *in);

/*
 * Waits for the next request in one blocking system call, for at most the
 * socket's SO_RCVTIMEO.  Does not wait if block is false.
 */
enum input_result input_wait(struct input *in, bool block);
/* Adds len bytes that the caller has put behind input_text (channel.h). */
void input_filled(struct input *in, size_t len);
/*
 * Ends an input_wait; later ones do not wait.  For a signal handler.
 */
void input_hurry(struct input *in);
/*
 * Ends an input_wait or an input_linger as if its time were over, because the
 * connection goes to the lot.  A wait that begins at this very moment may take
 * its full time.  For a signal handler.
 */
void input_yield(struct input *in);
/*
 * Waits for bytes until a deadline (clock.h).  Here and for input_wait, the
 * buffer must not be full: take bytes first.
 */
enum input_result input_more(struct input *in, int64_t deadline);
/* The same, but input_yield ends it. */
enum input_result input_linger(struct input *in, int64_t deadline);

/* Returns the bytes that are not taken yet. */
struct text input_text(const struct input *in);
void input_take(struct input *in, size_t len);
/*
 * Moves the bytes that are not taken to the front, unless there is that much
 * room after their first len bytes.  True if they have moved.
 */
bool input_compact(struct input *in, size_t len, size_t room);
/* True if the next bytes would need input_compact. */
bool input_is_full(const struct input *in);
/* Keeps the bytes taken so far in their place until input_release. */
void input_hold(struct input *in);
void input_release(struct input *in);

#endif
