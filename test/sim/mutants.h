/* The check of the checkers: each defect of base/mutants.def is switched on in turn, and some run
 * must fail within its budget of seeds. */
#ifndef SAMSA_TEST_SIM_MUTANTS_H
#define SAMSA_TEST_SIM_MUTANTS_H

/* All of them, or the one of that name (NULL: all). Prints a line each; returns how many were not
 * caught. */
int mutants_run(const char *only, int jobs, int *caught);

#endif
