/*
 * seccomp_grant: what seccomp allows a process beyond its list.
 */
#ifndef TINED_SANDBOX_SECCOMP_GRANT_H
#define TINED_SANDBOX_SECCOMP_GRANT_H

/* Calls that a worker may use after all, because a mount needs them. */
enum seccomp_grant {
	SECCOMP_GRANT_SHUTDOWN = 1, /* of sockets, for writing */
	SECCOMP_GRANT_CONNECT = 2,  /* sockets of all kinds, no listening */
	SECCOMP_GRANT_FILES = 4,    /* owners, modes and times of files */
	SECCOMP_GRANT_EXEC = 8,	    /* programs, processes, their signals */
	SECCOMP_GRANT_CORK = 16,    /* the option TCP_CORK of sockets */
};

#endif
