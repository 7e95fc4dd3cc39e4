#include "http/date.h"

#include <stdio.h>

/* strftime() would take these names from the locale. */
static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static time_t
date_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

void
green_date_format(time_t when, char *into)
{
    struct tm utc;
    gmtime_r(&when, &utc);
    snprintf(into, GREEN_DATE_LENGTH + 1, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[utc.tm_wday],
             (unsigned)utc.tm_mday % 100, months[utc.tm_mon],
             (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 100,
             (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
}

const char *
green_date_now(void)
{
    static char text[GREEN_DATE_LENGTH + 1];
    static time_t made;
    time_t now = date_seconds();
    if (now != made) {
        green_date_format(now, text);
        made = now;
    }
    return text;
}

const char *
green_date_local(void)
{
    static char text[GREEN_DATE_LOCAL_LENGTH + 1];
    static time_t made;
    time_t now = date_seconds();
    if (now != made) {
        struct tm local;
        localtime_r(&now, &local);
        snprintf(text, sizeof(text), "%04u-%02u-%02u %02u:%02u:%02u",
                 (unsigned)(local.tm_year + 1900) % 10000, (unsigned)(local.tm_mon + 1) % 100,
                 (unsigned)local.tm_mday % 100, (unsigned)local.tm_hour % 100,
                 (unsigned)local.tm_min % 100, (unsigned)local.tm_sec % 100);
        made = now;
    }
    return text;
}

double
green_date_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
