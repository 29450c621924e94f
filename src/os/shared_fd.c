#include <sys/stat.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "os/shared_fd.h"

struct shared_fd {
	int fd;
	dev_t device;
	ino_t inode;
	size_t owners;
};

static struct shared_fd *all;
static size_t count;

int
shared_fd_take(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fd;
	for (size_t i = 0; i < count; i++) {
		if (all[i].device != st.st_dev || all[i].inode != st.st_ino)
			continue;
		all[i].owners++;
		close(fd);
		return all[i].fd;
	}
	all = memory_resize(all, count + 1, sizeof(all[0]));
	all[count++] = (struct shared_fd){fd, st.st_dev, st.st_ino, 1};
	return fd;
}

void
shared_fd_release(int fd)
{
	size_t i = 0;

	while (i < count && all[i].fd != fd)
		i++;
	if (i < count && --all[i].owners > 0)
		return;
	if (i < count)
		all[i] = all[--count];
	close(fd);
}

void
shared_fd_forget_all(void)
{
	free(all);
	all = NULL;
	count = 0;
}
