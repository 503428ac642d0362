/* The check of the checkers: each defect of base/mutants.def is switched on in turn, and some run
 * must fail within its budget of seeds. */
#ifndef SAMSA_TEST_SIM_MUTANTS_H
#define SAMSA_TEST_SIM_MUTANTS_H

#include "base/mark.h"

/* By name; MUTANT_NONE: there is no such. */
enum mutant mutants_find(const char *name);

/* All of them, or the one of that name (NULL: all). What catches one must pass without it. With all
 * of them, or by the name SHRINKING, a plan that one makes fail is made smaller, too. Prints a line
 * each; returns how many were not caught. */
int mutants_run(const char *only, int jobs, int *caught);

#endif
