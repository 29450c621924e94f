/*
 * A program to be started for each request (CGI): it writes 1 KB, and ends.
 */
#include <string.h>
#include <unistd.h>

#define HEAD "Content-Type: text/plain\nContent-Length: 1024\n\n"
#define HEAD_LEN (sizeof(HEAD) - 1)
#define CONTENT 1024

int
main(void)
{
	char out[HEAD_LEN + CONTENT] = HEAD;

	memset(out + HEAD_LEN, '*', CONTENT);
	return write(STDOUT_FILENO, out, sizeof(out)) != sizeof(out);
}
