/* Times as java.text.SimpleDateFormat prints them: its letters, in English, with the weeks of the
 * United States, in the machine's time zone. Pure but for that zone. */
#ifndef SAMSA_CLI_DATE_FORMAT_H
#define SAMSA_CLI_DATE_FORMAT_H

#include <stdint.h>

/* Java's complaint of a pattern, in `text`, or NULL. */
const char *date_format_wrong(const char *pattern, char text[64]);

/* Prints `ms` of the epoch on standard output. The pattern is a right one. */
void date_format_print(const char *pattern, int64_t ms);

#endif
