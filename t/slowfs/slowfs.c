/*
 * slowfs: a file system for tests, as slow as they want it.  Files that are there
 * can be written to; nothing else can be changed.
 *
 *	slowfs [-o OPTIONS] SOURCE MOUNTPOINT CONTROL
 *
 * MOUNTPOINT shows the files of the folder SOURCE.  CONTROL is a file outside
 * both, which is read before each operation; it holds words like
 *
 *	read=250 open=freeze
 *
 * An operation is lookup (of names and attributes), open (of files and
 * folders), list (of a folder), read or write; the value is a delay in milliseconds,
 * or "freeze".  With pid=123 this holds for operations of that process only.  An
 * operation without a word, or a file that is missing or empty, means no delay.
 * An operation that is held up looks again every few milliseconds: it goes on as
 * soon as what CONTROL says then allows it.  Write CONTROL under another name, and
 * rename it, so that no half of it is read.
 *
 * It runs in the foreground.  When the mount is there it writes "ready" to
 * standard output, and then a line for each operation that is held up, when
 * that begins: "read /name", so that a test can wait until its victim is stuck.
 * As on a dead NFS server, a process that is held up in lookup, open, list or write
 * cannot even be killed.  SIGTERM unmounts and ends it, and all that is held up
 * fails; after SIGKILL, "umount -l MOUNTPOINT" is left to the caller.
 *
 * Nothing but the page cache keeps what was read, and that until the next open;
 * names and attributes are asked for each time.  Needs libfuse3-dev to be built,
 * and fuse3 and /dev/fuse to run; t/lib/SlowFS.pm starts it.
 */
#define FUSE_USE_VERSION 312

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* Operations that are held up take a thread each. */
#define MAX_THREADS 256
#define TICK_MS 5
#define FROZEN INT64_MAX

enum operation { LOOKUP, OPEN, LIST, READ, WRITE };

static const char *const names[] = {"lookup", "open", "list", "read", "write"};

static int source;
static const char *control;
static volatile sig_atomic_t ending;

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* True for the word "pid=123", unless that process asks for this operation. */
static bool
is_of_another(const char *word)
{
	return strncmp(word, "pid=", 4) == 0 &&
	    atoll(word + 4) != fuse_get_context()->pid;
}

/* The delay that CONTROL says now. */
static int64_t
delay_of(enum operation op)
{
	size_t length = strlen(names[op]);
	char words[512], *rest = words;
	int64_t delay = 0;
	int fd = open(control, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, words, sizeof(words) - 1);

	if (fd != -1)
		close(fd);
	words[n > 0 ? n : 0] = '\0';
	for (const char *w; (w = strsep(&rest, " \t\n")) != NULL;) {
		if (is_of_another(w))
			return 0;
		if (strncmp(w, names[op], length) != 0 || w[length] != '=')
			continue;
		w += length + 1;
		delay = strcmp(w, "freeze") == 0 ? FROZEN : atoll(w);
	}
	return delay;
}

static void
hold_up(enum operation op, const char *path)
{
	int64_t began = now_ms();
	int64_t delay = delay_of(op);

	if (delay == 0)
		return;
	dprintf(STDOUT_FILENO, "%s %s\n", names[op], path);
	while (!ending && now_ms() - began < delay) {
		int64_t left = delay - (now_ms() - began);

		usleep((useconds_t)(left < TICK_MS ? left : TICK_MS) * 1000);
		delay = delay_of(op);
	}
}

/* The path within SOURCE. */
static const char *
within(const char *path)
{
	return path[1] == '\0' ? "." : path + 1;
}

static int
do_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
	(void)info;
	hold_up(LOOKUP, path);
	return fstatat(source, within(path), st, AT_SYMLINK_NOFOLLOW) == -1
	    ? -errno
	    : 0;
}

static int
do_readlink(const char *path, char *target, size_t size)
{
	ssize_t n;

	hold_up(LOOKUP, path);
	n = readlinkat(source, within(path), target, size - 1);
	if (n == -1)
		return -errno;
	target[n] = '\0';
	return 0;
}

static int
do_open(const char *path, struct fuse_file_info *info)
{
	int fd;

	hold_up(OPEN, path);
	fd = openat(source, within(path),
	    (info->flags & (O_ACCMODE | O_APPEND)) | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	info->fh = (uint64_t)fd;
	return 0;
}

/* Of a file that is open to append, the kernel at the other end sees to that. */
static int
do_write(const char *path, const char *bytes, size_t size, off_t at,
    struct fuse_file_info *info)
{
	ssize_t n;

	hold_up(WRITE, path);
	n = pwrite((int)info->fh, bytes, size, at);
	return n == -1 ? -errno : (int)n;
}

static int
do_read(const char *path, char *bytes, size_t size, off_t at,
    struct fuse_file_info *info)
{
	ssize_t n;

	hold_up(READ, path);
	n = pread((int)info->fh, bytes, size, at);
	return n == -1 ? -errno : (int)n;
}

static int
do_release(const char *path, struct fuse_file_info *info)
{
	(void)path;
	close((int)info->fh);
	return 0;
}

static int
do_opendir(const char *path, struct fuse_file_info *info)
{
	int fd;

	hold_up(OPEN, path);
	fd = openat(source, within(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	info->fh = (uint64_t)fd;
	return 0;
}

static int
do_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t at,
    struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
	DIR *folder;

	(void)at;
	(void)info;
	(void)flags;
	hold_up(LIST, path);
	folder = fdopendir(
	    openat(source, within(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (folder == NULL)
		return -errno;
	for (const struct dirent *e; (e = readdir(folder)) != NULL;)
		fill(to, e->d_name, NULL, 0, 0);
	closedir(folder);
	return 0;
}

static void *
do_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	connection->max_background = MAX_THREADS;
	config->attr_timeout = 0;
	config->entry_timeout = 0;
	config->negative_timeout = 0;
	config->use_ino = 1;
	dprintf(STDOUT_FILENO, "ready\n");
	return NULL;
}

static const struct fuse_operations operations = {
    .getattr = do_getattr,
    .readlink = do_readlink,
    .open = do_open,
    .read = do_read,
    .write = do_write,
    .release = do_release,
    .opendir = do_opendir,
    .readdir = do_readdir,
    .releasedir = do_release,
    .init = do_init,
};

static struct fuse *fuse;

static void
on_end(int signo)
{
	(void)signo;
	ending = 1;
	fuse_exit(fuse);
}

static int
run(struct fuse_args *options, const char *mountpoint)
{
	struct sigaction end = {.sa_handler = on_end};
	struct fuse_loop_config *loop = fuse_loop_cfg_create();
	int result;

	fuse = fuse_new(options, &operations, sizeof(operations), NULL);
	if (fuse == NULL || fuse_mount(fuse, mountpoint) != 0)
		return EXIT_FAILURE;
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	fuse_loop_cfg_set_clone_fd(loop, 0);
	fuse_loop_cfg_set_max_threads(loop, MAX_THREADS);
	fuse_loop_cfg_set_idle_threads(loop, MAX_THREADS);
	result = fuse_loop_mt(fuse, loop);
	fuse_unmount(fuse);
	fuse_destroy(fuse);
	fuse_loop_cfg_destroy(loop);
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct fuse_args options = FUSE_ARGS_INIT(0, NULL);
	int option, result;

	fuse_opt_add_arg(&options, argv[0]);
	while ((option = getopt(argc, argv, "o:")) != -1) {
		if (option != 'o')
			return EX_USAGE;
		fuse_opt_add_arg(&options, "-o");
		fuse_opt_add_arg(&options, optarg);
	}
	argv += optind;
	if (argc - optind != 3)
		errx(EX_USAGE, "usage: slowfs SOURCE MOUNTPOINT CONTROL");
	source = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (source == -1)
		err(EXIT_FAILURE, "%s", argv[0]);
	control = argv[2];
	result = run(&options, argv[1]);
	fuse_opt_free_args(&options);
	return result;
}
