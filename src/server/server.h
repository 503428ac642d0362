/* The server program: one node on the real machine.
 *
 * The only place, with cli/ and the tests' library, that knows env/os. */
#ifndef SAMSA_SERVER_SERVER_H
#define SAMSA_SERVER_SERVER_H

/* argv[1] is the configuration file, then `--override key=value`, any number. Returns the exit
 * status: 0 after a clean stop, 1 when it could not start or had to stop. */
int server_main(int argc, char **argv);

#endif
