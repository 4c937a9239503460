/* log.h - levelled lines on stderr for operators. Never prompt text, never model output.
 *
 * Thread: any; a line is written with one write(2). */
#ifndef HTH_BASE_LOG_H
#define HTH_BASE_LOG_H

#include "base/err.h"

typedef enum HthLogLevel { HTH_LOG_ERROR, HTH_LOG_WARN, HTH_LOG_INFO, HTH_LOG_DEBUG } HthLogLevel;

void hth_log_level(HthLogLevel level); /* default HTH_LOG_WARN */
void hth_log(HthLogLevel level, const char *fmt, ...) HTH_PRINTF(2, 3);

#endif
