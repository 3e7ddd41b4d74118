/* Logging for IFD handlers: the daemon exports these functions to the drivers it loads. Priorities
 * run from debug to critical. */
#ifndef CARDEA_PCSC_DEBUGLOG_H
#define CARDEA_PCSC_DEBUGLOG_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PCSC_API
#define PCSC_API
#endif

#define DEBUG_CATEGORY_NOTHING 0
#define DEBUG_CATEGORY_APDU 1
#define DEBUG_CATEGORY_SW 2

enum {
  PCSC_LOG_DEBUG = 0,
  PCSC_LOG_INFO,
  PCSC_LOG_ERROR,
  PCSC_LOG_CRITICAL
};

#if defined(__GNUC__)
#define CARDEA_PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define CARDEA_PRINTF_LIKE(text, first)
#endif

/* One line; printf rules; no newline at the end. */
PCSC_API void log_msg(const int priority, const char *fmt, ...) CARDEA_PRINTF_LIKE(2, 3);
/* The text, then len bytes in hexadecimal. */
PCSC_API void log_xxd(const int priority, const char *msg, const unsigned char *buffer,
                      const int len);

#ifdef __cplusplus
}
#endif

#ifdef NO_LOG
#define CARDEA_LOG(arguments) do { } while (0)
#define LogXxd(priority, msg, buffer, size) do { } while (0)
#else
#define CARDEA_LOG(arguments) log_msg arguments
#define LogXxd(priority, msg, buffer, size) log_xxd(priority, msg, buffer, size)
#endif

/* What every line begins with. Formats are literals, so that this can be put before them. */
#define CARDEA_LOG_AT "%s:%d:%s() "
#define CARDEA_LOG_HERE __FILE__, __LINE__, __func__

#define Log0(priority) CARDEA_LOG((priority, CARDEA_LOG_AT, CARDEA_LOG_HERE))
#define Log1(priority, fmt) CARDEA_LOG((priority, CARDEA_LOG_AT fmt, CARDEA_LOG_HERE))
#define Log2(priority, fmt, a) CARDEA_LOG((priority, CARDEA_LOG_AT fmt, CARDEA_LOG_HERE, a))
#define Log3(priority, fmt, a, b) CARDEA_LOG((priority, CARDEA_LOG_AT fmt, CARDEA_LOG_HERE, a, b))
#define Log4(priority, fmt, a, b, c) \
  CARDEA_LOG((priority, CARDEA_LOG_AT fmt, CARDEA_LOG_HERE, a, b, c))
#define Log5(priority, fmt, a, b, c, d) \
  CARDEA_LOG((priority, CARDEA_LOG_AT fmt, CARDEA_LOG_HERE, a, b, c, d))
#define Log9(priority, fmt, a, b, c, d, e, f, g, h) \
  CARDEA_LOG((priority, CARDEA_LOG_AT fmt, CARDEA_LOG_HERE, a, b, c, d, e, f, g, h))

#endif
