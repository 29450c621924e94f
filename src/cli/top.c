#include <sys/ioctl.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "cli/status_client.h"
#include "cli/top.h"

/* ECMA-48, and the alternate screen of xterm, which all others have too. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define REST_OF_LINE "\033[K"
#define REST_OF_SCREEN "\033[J"

#define KEY_INTERRUPT 3	   /* Control-C */
#define KEY_END_OF_INPUT 4 /* Control-D */

#define PAUSE CLOCK_SECOND
#define ROWS_USUAL 24
#define COLUMNS_USUAL 80

static struct termios usual;
static volatile sig_atomic_t want_end;

/* Returns the number behind that text; 0 if it is not there. */
static uint64_t
number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

struct top_look
top_read(const char *text, int64_t when)
{
	return (struct top_look){
	    .when = when,
	    .requests = number_behind(text, "\nRequests "),
	    .sent = number_behind(text, "\nBytes          sent "),
	};
}

static double
top_rate_of(uint64_t before, uint64_t now, int64_t time)
{
	if (now < before || time <= 0)
		return 0; /* another server has taken its place */
	return (double)(now - before) * CLOCK_SECOND / (double)time;
}

static void
add_rates(
    struct buffer *b, const struct top_look *before, const struct top_look *now)
{
	int64_t time = now->when - before->when;

	buffer_printf(b, "%.1f requests/s, ",
	    top_rate_of(before->requests, now->requests, time));
	units_add_size(b, (uint64_t)top_rate_of(before->sent, now->sent, time));
	buffer_add_string(b, "/s sent, in the last second; q leaves");
}

/* Adds a line, cut off at the edge, without anything that moves the cursor. */
static void
top_add_line(struct buffer *b, struct text line, unsigned columns)
{
	for (size_t i = 0; i < line.len && i < columns; i++) {
		unsigned char c = (unsigned char)line.at[i];

		buffer_add_char(b, c >= ' ' && c < 0x7f ? (char)c : '?');
	}
	buffer_add_string(b, REST_OF_LINE);
}

void
top_draw(struct buffer *b, const char *text, const struct top_look *before,
    const struct top_look *now, unsigned rows, unsigned columns)
{
	struct buffer rates = {0};

	add_rates(&rates, before, now);
	buffer_add_string(b, HOME);
	top_add_line(b, buffer_text(&rates), columns);
	buffer_free(&rates);
	for (unsigned row = 1; row < rows && *text != '\0'; row++) {
		size_t len = strcspn(text, "\n");

		buffer_add_string(b, "\r\n");
		top_add_line(b, (struct text){text, len}, columns);
		text += len;
		text += *text == '\n';
	}
	buffer_add_string(b, REST_OF_SCREEN);
}

static void
put(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n == -1)
			return; /* the terminal is gone */
		bytes += n;
		len -= (size_t)n;
	}
}

static void
leave_screen(void)
{
	put(SCREEN_LEAVE, strlen(SCREEN_LEAVE));
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &usual);
}

static void
on_end(int signal)
{
	(void)signal;
	want_end = 1;
}

/* For the new size of the terminal: poll returns. */
static void
on_resize(int signal)
{
	(void)signal;
}

static void
handle(int signal, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	(void)sigaction(signal, &action, NULL);
}

/* Keys arrive at once, and unseen; Control-C is one of them. */
static bool
enter_screen(void)
{
	struct termios keys;

	if (tcgetattr(STDIN_FILENO, &usual) == -1)
		return false;
	keys = usual;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &keys) == -1)
		return false;
	handle(SIGTERM, on_end);
	handle(SIGHUP, on_end);
	handle(SIGINT, on_end);
	handle(SIGWINCH, on_resize);
	put(SCREEN_ENTER, strlen(SCREEN_ENTER));
	return true;
}

static void
draw(
    const char *text, const struct top_look *before, const struct top_look *now)
{
	struct winsize size = {0};
	struct buffer b = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_row == 0 ||
	    size.ws_col == 0)
		size = (struct winsize){
		    .ws_row = ROWS_USUAL, .ws_col = COLUMNS_USUAL};
	top_draw(&b, text, before, now, size.ws_row, size.ws_col);
	put(b.data, b.len);
	buffer_free(&b);
}

/* Waits for a key until it is time to look again.  True if it ends the view. */
static bool
wait_for_key(int64_t until)
{
	struct pollfd keyboard = {.fd = STDIN_FILENO, .events = POLLIN};
	struct timespec left = clock_until(until);
	char key;

	if (ppoll(&keyboard, 1, &left, NULL) <= 0)
		return want_end;
	if (read(STDIN_FILENO, &key, 1) != 1)
		return true;
	return key == 'q' || key == 'Q' || key == KEY_INTERRUPT ||
	    key == KEY_END_OF_INPUT;
}

/* Shows one status after another.  False, with *why, if there is none. */
static bool
show_all(const char *path, struct buffer *text, struct buffer *why)
{
	struct top_look now = top_read(buffer_string(text), clock_now());
	struct top_look before = now;

	for (;;) {
		draw(buffer_string(text), &before, &now);
		do {
			if (wait_for_key(now.when + PAUSE))
				return true;
		} while (clock_now() < now.when + PAUSE);
		if (status_client_get(path, text, why) == -1)
			return false;
		before = now;
		now = top_read(buffer_string(text), clock_now());
	}
}

int
top_show(const char *path)
{
	struct buffer text = {0}, why = {0};
	bool good;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return status_client_show("--top", path);
	good = status_client_get(path, &text, &why) == 0;
	if (good && !enter_screen())
		err(EXIT_FAILURE, "--top: cannot set the terminal");
	if (good) {
		good = show_all(path, &text, &why);
		leave_screen();
	}
	if (!good)
		warnx("--top %s: %s", path, buffer_string(&why));
	buffer_free(&text);
	buffer_free(&why);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
