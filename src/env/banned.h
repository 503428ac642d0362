/* Force-included (-include) into every file outside env/os, tools for people (cli) included where
 * the layers file says so: the outside world is reached through env/ only, and unsafe string
 * functions not at all. Using a banned name is a compile error. */
#ifndef SAMSA_ENV_BANNED_H
#define SAMSA_ENV_BANNED_H

/* The headers that declare them come first, so that only uses are hit. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A redeclaration, not #pragma poison: only a call is an error, so a struct may have a member
 * `open`. gcc only: clang reports the sanitizers' own uses of these names too, and in clang builds
 * the same list is checked by `make tidy`. */
#ifdef __clang__
#define BANNED(name) extern __typeof__(name) name
#else
#define BANNED(name) \
    extern __typeof__(name) name __attribute__((error("banned here: see env/banned.h")))
#endif

BANNED(strcpy);
BANNED(strcat);
BANNED(sprintf);
BANNED(vsprintf);
BANNED(strtok);

BANNED(time);
BANNED(gettimeofday);
BANNED(clock_gettime);
BANNED(localtime);
BANNED(gmtime);
BANNED(nanosleep);
BANNED(usleep);
BANNED(sleep);

BANNED(rand);
BANNED(srand);
BANNED(random);
BANNED(srandom);
BANNED(drand48);

BANNED(fopen);
BANNED(open);
BANNED(creat);
BANNED(read);
BANNED(write);
BANNED(pread);
BANNED(pwrite);
BANNED(fsync);
BANNED(fdatasync);
BANNED(rename);
BANNED(unlink);
BANNED(mkdir);
BANNED(rmdir);

BANNED(socket);
BANNED(connect);
BANNED(accept);
BANNED(send);
BANNED(recv);

BANNED(getenv);
BANNED(setenv);
BANNED(getpid);
BANNED(fork);

BANNED(pthread_create);
BANNED(pthread_mutex_lock);

BANNED(malloc);
BANNED(calloc);
BANNED(realloc);
BANNED(free);

#undef BANNED

#endif
