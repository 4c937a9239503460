/* far_http_test.c - the same server in two parts: http_test.c, its application behind a relay. */
#define APP_FAR 1
#include "unit/serve/http_test.c"
