#include "cli/date_format.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *date_format_wrong(const char *pattern, char text[64])
{
    for (const char *at = pattern; *at; at++) {
        if (*at == '\'') {
            at = strchr(at + 1, '\'');
            if (!at) return "Unterminated quote";
            continue;
        }
        size_t run = strspn(at, "X");
        if (run > 3) {
            snprintf(text, 64, "invalid ISO 8601 format: length=%zu", run);
            return text;
        }
        if (run) at += run - 1;
        if (!isalpha((unsigned char)*at) || strchr("GyYMLwWDdFEuaHkKhmsSzZX", *at)) continue;
        snprintf(text, 64, "Illegal pattern character '%c'", *at);
        return text;
    }
    return NULL;
}

static void print_name(const char *strftime_short, const char *strftime_full, int run,
                       const struct tm *t)
{
    char text[64];
    strftime(text, sizeof text, run >= 4 ? strftime_full : strftime_short, t);
    printf("%s", text);
}

static void print_zone(int run, const struct tm *t, bool iso)
{
    long minutes = labs(t->tm_gmtoff) / 60;
    char sign = t->tm_gmtoff < 0 ? '-' : '+';
    if (iso && !t->tm_gmtoff)
        printf("Z");
    else if (iso && run == 1)
        printf("%c%02ld", sign, minutes / 60);
    else
        printf("%c%02ld%s%02ld", sign, minutes / 60, iso && run == 3 ? ":" : "", minutes % 60);
}

/* Days since the Sunday that the week of a year's or a month's first day began with. */
static int days_of_weeks(int day, int weekday)
{
    int first = ((weekday - day) % 7 + 7) % 7;
    return day + first;
}

/* The week of the year; the last days of December may be in the first of the next. */
static int week_of_year(const struct tm *t, int *year)
{
    bool leap = (t->tm_year % 4 == 0 && t->tm_year % 100 != 0) || (t->tm_year + 1900) % 400 == 0;
    int left = (leap ? 366 : 365) - t->tm_yday;
    *year = t->tm_year + 1900;
    if (left <= 6 - t->tm_wday) { /* the new year's first day comes before this week is over */
        (*year)++;
        return 1;
    }
    return days_of_weeks(t->tm_yday, t->tm_wday) / 7 + 1;
}

static void print_field(char letter, int run, const struct tm *t, int ms)
{
    int year, week = week_of_year(t, &year), number = 0;
    if (letter != 'Y') year = t->tm_year + 1900;
    switch (letter) {
    case 'G': printf("AD"); return;
    case 'M':
    case 'L':
        if (run >= 3) {
            print_name("%b", "%B", run, t);
            return;
        }
        number = t->tm_mon + 1;
        break;
    case 'E': print_name("%a", "%A", run, t); return;
    case 'a': printf(t->tm_hour < 12 ? "AM" : "PM"); return;
    case 'z': print_name("%Z", "%Z", run, t); return;
    case 'Z': print_zone(run, t, false); return;
    case 'X': print_zone(run, t, true); return;
    case 'y':
    case 'Y': number = run == 2 ? year % 100 : year; break;
    case 'w': number = week; break;
    case 'W': number = days_of_weeks(t->tm_mday - 1, t->tm_wday) / 7 + 1; break;
    case 'D': number = t->tm_yday + 1; break;
    case 'd': number = t->tm_mday; break;
    case 'F': number = (t->tm_mday - 1) / 7 + 1; break;
    case 'u': number = t->tm_wday ? t->tm_wday : 7; break;
    case 'H': number = t->tm_hour; break;
    case 'k': number = t->tm_hour ? t->tm_hour : 24; break;
    case 'K': number = t->tm_hour % 12; break;
    case 'h': number = t->tm_hour % 12 ? t->tm_hour % 12 : 12; break;
    case 'm': number = t->tm_min; break;
    case 's': number = t->tm_sec; break;
    case 'S': number = ms; break;
    default: return;
    }
    printf("%0*d", run, number);
}

void date_format_print(const char *pattern, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    localtime_r(&seconds, &t);
    for (const char *at = pattern; *at;) {
        int run = 1;
        if (*at == '\'' && at[1] == '\'') {
            putchar('\'');
            run = 2;
        } else if (*at == '\'') {
            for (; at[run] && (at[run] != '\'' || at[run + 1] == '\''); run++) {
                run += at[run] == '\'';
                putchar(at[run]);
            }
            run += at[run] == '\'';
        } else if (isalpha((unsigned char)*at)) {
            while (at[run] == *at) run++;
            print_field(*at, run, &t, (int)(ms % 1000));
        } else {
            putchar(*at);
        }
        at += run;
    }
}
