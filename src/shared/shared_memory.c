#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shared/shared_memory.h"

#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

size_t
shared_memory_round(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static char *
map(int fd, size_t size, int protection)
{
	int flags = MAP_SHARED | (fd == -1 ? MAP_ANONYMOUS : 0);
	void *p = mmap(NULL, size, protection, flags, fd, 0);

	return p != MAP_FAILED ? p : NULL;
}

/* The order matters: a mapping made before the seal stays writable. */
static int
map_twice(struct shared_memory *m, int fd)
{
	if (ftruncate(fd, (off_t)m->size) == -1)
		return -1;
	m->at = map(fd, m->size, PROT_READ | PROT_WRITE);
	if (m->at == NULL || fcntl(fd, F_ADD_SEALS, SEALS) == -1)
		return -1;
	m->readable = map(fd, m->size, PROT_READ);
	m->is_sealed = m->readable != NULL;
	return m->is_sealed ? 0 : -1;
}

static int
map_anonymous(struct shared_memory *m)
{
	m->at = map(-1, m->size, PROT_READ | PROT_WRITE);
	return m->at != NULL ? 0 : -1;
}

int
shared_memory_create(struct shared_memory *m, size_t size)
{
	int fd = memfd_create("tined-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int result, saved;

	*m = (struct shared_memory){.size = shared_memory_round(size)};
	if (fd == -1)
		return -1;
	result = map_twice(m, fd);
	if (result == -1 && errno == EFBIG)
		result = map_anonymous(m);
	saved = errno;
	close(fd);
	if (result == -1)
		shared_memory_free(m);
	errno = saved;
	return result;
}

void
shared_memory_free(struct shared_memory *m)
{
	if (m->at != NULL)
		munmap(m->at, m->size);
	if (m->readable != NULL)
		munmap(m->readable, m->size);
	*m = (struct shared_memory){0};
}

int
shared_memory_give_up(struct shared_memory *m, size_t from, size_t to)
{
	void *p;

	if (from >= to)
		return 0;
	if (!m->is_sealed)
		return mprotect(m->at + from, to - from, PROT_READ);
	p = mremap(m->readable + from, to - from, to - from,
	    MREMAP_MAYMOVE | MREMAP_FIXED, m->at + from);
	return p != MAP_FAILED ? 0 : -1;
}
