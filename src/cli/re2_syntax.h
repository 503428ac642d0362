/* Whether a text is a regular expression of RE2, which brokers use for subscriptions (KIP-848). */
#ifndef SAMSA_CLI_RE2_SYNTAX_H
#define SAMSA_CLI_RE2_SYNTAX_H

/* What RE2 says is wrong with it, static; NULL: nothing. */
const char *re2_syntax_wrong(const char *text);

#endif
