/* The same arm with everything connected that can be. */
#define HAS_REST_SWITCH 1
#define HAS_STOP_BUTTON 1
#define HAS_LIGHT_BARRIER 1

#include "golden.h"
