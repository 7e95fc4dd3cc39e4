/* The time as HTTP and the log write it, made anew once a second. */
#ifndef GREEN_HTTP_DATE_H
#define GREEN_HTTP_DATE_H

#include <stddef.h>
#include <time.h>

enum { GREEN_DATE_LENGTH = 29, GREEN_DATE_LOCAL_LENGTH = 19 };

/* "Sun, 06 Nov 1994 08:49:37 GMT", of now; and of a time given, into GREEN_DATE_LENGTH + 1 bytes.
 */
const char *green_date_now(void);
void green_date_format(time_t when, char *into);

/* "2026-11-28 14:53:14", of now, local. */
const char *green_date_local(void);

/* Seconds since the epoch. */
double green_date_clock(void);

#endif
