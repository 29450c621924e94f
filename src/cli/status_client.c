#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "cli/status_client.h"

#define PATIENCE (3 * CLOCK_SECOND)
#define PIECE 4096
#define ANSWER_MAX (1 << 20)

static _Noreturn void
status_client_give_up(const char *path)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		errx(EXIT_FAILURE,
		    "--status %s: no server listens there: is tined running "
		    "with --status-socket %s?",
		    path, path);
	case EACCES:
		errx(EXIT_FAILURE,
		    "--status %s: permission denied: run this as root or as "
		    "the user of the server",
		    path);
	case EAGAIN:
		errx(EXIT_FAILURE, "--status %s: no response within %d s", path,
		    (int)(PATIENCE / CLOCK_SECOND));
	default:
		err(EXIT_FAILURE, "--status %s", path);
	}
}

static int
connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval patience = clock_timeval(PATIENCE);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strlcpy(a.sun_path, path, sizeof(a.sun_path));
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == -1 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		status_client_give_up(path);
	return fd;
}

/* False at the end of the response. */
static bool
status_client_receive(
    int fd, const char *path, int64_t deadline, struct buffer *answer)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec left = clock_until(deadline);
	ssize_t n = ppoll(&p, 1, &left, NULL);

	if (n == 0)
		errno = EAGAIN;
	if (n > 0)
		n = recv(fd, buffer_reserve(answer, PIECE), PIECE, 0);
	else
		n = -1;
	if (n == -1)
		status_client_give_up(path);
	answer->len += (size_t)n;
	return n > 0 && answer->len < ANSWER_MAX;
}

/* Returns the content of the response; NULL if this is no status socket. */
static const char *
find_content(struct buffer *answer)
{
	static const char ok[] = "HTTP/1.1 200 ";
	static const char form[] = "\ntined ";
	const char *text = buffer_string(answer);
	const char *end = strstr(text, "\r\n\r\n");

	if (strncmp(text, ok, strlen(ok)) != 0 || end == NULL ||
	    strncmp(end + 3, form, strlen(form)) != 0)
		return NULL;
	return end + strlen("\r\n\r\n");
}

int
status_client_show(const char *path)
{
	static const char request[] =
	    "GET /text HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n";
	int64_t deadline = clock_now() + PATIENCE;
	struct buffer answer = {0};
	int fd = connect_to(path);
	const char *content;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) == -1)
		status_client_give_up(path);
	while (status_client_receive(fd, path, deadline, &answer))
		continue;
	close(fd);
	content = find_content(&answer);
	if (content == NULL)
		errx(EXIT_FAILURE,
		    "--status %s: this is not the status socket of tined",
		    path);
	if (fputs(content, stdout) == EOF || fflush(stdout) == EOF)
		err(EXIT_FAILURE, "cannot print the status");
	buffer_free(&answer);
	return EXIT_SUCCESS;
}
