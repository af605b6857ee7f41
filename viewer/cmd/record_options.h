/* SPDX-License-Identifier: MIT */
/* The options of `ctrace record`, generated from ctrace/options.def. */
#ifndef CT_CMD_RECORD_OPTIONS_H
#define CT_CMD_RECORD_OPTIONS_H

#include "cmd/option.h"
#include "record/settings.h"

/* The options stored in a struct ct_settings: one for each setting, --format, --only and --skip. */
#define CT_RECORD_OPTIONS (CT_SETTING_COUNT + 3)

extern const struct ct_option ct_record_options[CT_RECORD_OPTIONS];

#endif
