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

/* Says what errno means here. */
static void
status_client_explain(const char *path, struct buffer *why)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		buffer_printf(why,
		    "no server listens there: is tined running with "
		    "--status-socket %s?",
		    path);
		break;
	case EACCES:
		buffer_add_string(why,
		    "permission denied: run this as root or as the user of the "
		    "server");
		break;
	case EAGAIN:
		buffer_printf(why, "no response within %d s",
		    (int)(PATIENCE / CLOCK_SECOND));
		break;
	default:
		buffer_add_string(why, strerror(errno));
		break;
	}
}

static int
connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval patience = clock_timeval(PATIENCE);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int saved;

	strlcpy(a.sun_path, path, sizeof(a.sun_path));
	if (fd == -1 ||
	    (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		 sizeof(patience)) == 0 &&
		connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Returns 1 if more may come, 0 at the end of the response, -1 with errno. */
static int
status_client_receive(int fd, int64_t deadline, struct buffer *answer)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec left = clock_until(deadline);
	int ready = ppoll(&p, 1, &left, NULL);
	ssize_t n;

	if (ready == -1)
		return errno == EINTR ? 1 : -1;
	if (ready == 0) {
		errno = EAGAIN;
		return -1;
	}
	n = recv(fd, buffer_reserve(answer, PIECE), PIECE, 0);
	if (n == -1)
		return -1;
	answer->len += (size_t)n;
	return n > 0 && answer->len < ANSWER_MAX;
}

/* Asks for the status, and receives all of the response.  -1 with errno. */
static int
status_client_ask(const char *path, struct buffer *answer)
{
	static const char request[] =
	    "GET /text HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n";
	int64_t deadline = clock_now() + PATIENCE;
	int fd = connect_to(path);
	int result = -1, saved;

	if (fd == -1)
		return -1;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != -1)
		do {
			result = status_client_receive(fd, deadline, answer);
		} while (result > 0);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
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
status_client_get(const char *path, struct buffer *text, struct buffer *why)
{
	struct buffer answer = {0};
	const char *content = NULL;

	buffer_clear(text);
	if (status_client_ask(path, &answer) == -1)
		status_client_explain(path, why);
	else {
		content = find_content(&answer);
		if (content == NULL)
			buffer_add_string(
			    why, "this is not the status socket of tined");
		else
			buffer_add_string(text, content);
	}
	buffer_free(&answer);
	return content != NULL ? 0 : -1;
}

int
status_client_show(const char *option, const char *path)
{
	struct buffer text = {0}, why = {0};

	if (status_client_get(path, &text, &why) == -1)
		errx(EXIT_FAILURE, "%s %s: %s", option, path,
		    buffer_string(&why));
	if (fputs(buffer_string(&text), stdout) == EOF || fflush(stdout) == EOF)
		err(EXIT_FAILURE, "cannot print the status");
	buffer_free(&text);
	buffer_free(&why);
	return EXIT_SUCCESS;
}
