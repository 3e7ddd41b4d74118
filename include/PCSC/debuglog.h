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
#define CARDEA_LOG(priority, fmt, ...) do { } while (0)
#define LogXxd(priority, msg, buffer, size) do { } while (0)
#else
#define CARDEA_LOG(priority, fmt, ...) \
  log_msg(priority, "%s:%d:%s() " fmt, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define LogXxd(priority, msg, buffer, size) log_xxd(priority, msg, buffer, size)
#endif

#define Log0(priority) CARDEA_LOG(priority, "%s", "")
#define Log1(priority, fmt) CARDEA_LOG(priority, "%s", fmt)
#define Log2(priority, fmt, a) CARDEA_LOG(priority, fmt, a)
#define Log3(priority, fmt, a, b) CARDEA_LOG(priority, fmt, a, b)
#define Log4(priority, fmt, a, b, c) CARDEA_LOG(priority, fmt, a, b, c)
#define Log5(priority, fmt, a, b, c, d) CARDEA_LOG(priority, fmt, a, b, c, d)
#define Log9(priority, fmt, a, b, c, d, e, f, g, h) \
  CARDEA_LOG(priority, fmt, a, b, c, d, e, f, g, h)

#endif
