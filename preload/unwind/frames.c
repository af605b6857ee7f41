/* SPDX-License-Identifier: MIT */
#include "unwind/frames.h"

#include "sys/machine.h"

#define DEBUG_CIE 0xffffffffu /* what a CIE of .debug_frame has instead of an offset */

uint64_t ct_frames_pointer(struct ct_reader *reader, uint8_t encoding)
{
	const uint8_t *place = reader->at;
	uint64_t value;
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		value = ct_read_fixed(reader, 8);
		break;
	case DW_EH_PE_udata4:
		value = ct_read_fixed(reader, 4);
		break;
	case DW_EH_PE_sdata4:
		value = (uint64_t)(int64_t)(int32_t)ct_read_fixed(reader, 4);
		break;
	default:
		reader->bad = true;
		return 0;
	}
	switch (encoding & 0x70) {
	case 0:
		return value;
	case DW_EH_PE_pcrel:
		return value + (uintptr_t)place;
	default:
		reader->bad = true;
		return 0;
	}
}

bool ct_frames_record(const struct ct_frames *frames, const uint8_t *at, struct ct_reader *record)
{
	uint32_t length;
	if (at < frames->start || at > frames->end || (uintptr_t)frames->end - (uintptr_t)at < sizeof(length))
		return false;
	memcpy(&length, at, sizeof(length));
	at += sizeof(length);
	if (length == 0 || length == UINT32_MAX || length > (uintptr_t)frames->end - (uintptr_t)at)
		return false; /* end mark; no tool writes the 64-bit form */
	*record = (struct ct_reader){at, at + length, false};
	return true;
}

bool ct_frames_next(const struct ct_frames *frames, const uint8_t **at, struct ct_reader *record)
{
	uint32_t length = 0;
	while ((size_t)(frames->end - *at) >= sizeof(length) && !memcmp(*at, &length, sizeof(length)))
		*at += sizeof(length);
	return ct_frames_record(frames, *at, record);
}

/* The letters that say what else a CIE has. */
static bool read_augmentation(struct ct_reader *cie, const char *letters, struct ct_frame_info *info,
			      uint8_t *pointer_encoding)
{
	struct ct_reader data = ct_read_block(cie);
	for (const char *letter = letters; *letter; letter++) {
		if (*letter == 'R')
			*pointer_encoding = (uint8_t)ct_read_fixed(&data, 1);
		else if (*letter == 'P')
			ct_frames_pointer(&data, (uint8_t)(ct_read_fixed(&data, 1) & 0x0f));
		else if (*letter == 'L')
			ct_read_fixed(&data, 1);
		else if (*letter == 'S')
			info->signal = true;
		else if (*letter == 'B' || *letter == 'G') /* return addresses are signed with key B; tagged stack */
			continue;
		else
			return false;
	}
	return !data.bad;
}

/* Read a CIE, which says how its FDEs are to be read. */
static bool read_cie(const struct ct_frames *frames, const uint8_t *at, struct ct_frame_info *info,
		     uint8_t *pointer_encoding, bool *augmented)
{
	struct ct_reader cie;
	if (!ct_frames_record(frames, at, &cie) || ct_read_fixed(&cie, 4) != (frames->is_debug ? DEBUG_CIE : 0))
		return false;
	uint8_t version = (uint8_t)ct_read_fixed(&cie, 1);
	const char *augmentation = (const char *)cie.at;
	const char *end = memchr(augmentation, '\0', (size_t)(cie.end - cie.at));
	if (!end)
		return false;
	cie.at = (const uint8_t *)end + 1;
	if (version >= 4) /* sizes of an address and of a segment selector */
		ct_read_fixed(&cie, 2);
	info->code_align = ct_read_uleb(&cie);
	info->data_align = ct_read_sleb(&cie);
	uint64_t return_register = version == 1 ? ct_read_fixed(&cie, 1) : ct_read_uleb(&cie);
	info->signal = false;
	*pointer_encoding = DW_EH_PE_absptr;
	*augmented = augmentation[0] == 'z';
	if (*augmented ? !read_augmentation(&cie, augmentation + 1, info, pointer_encoding) : augmentation[0])
		return false;
	info->cie_program = cie;
	return !cie.bad && return_register == CT_REG_PC;
}

bool ct_frames_read(const struct ct_frames *frames, const uint8_t *at, struct ct_frame_info *info, uint64_t *bytes)
{
	struct ct_reader fde;
	uint8_t encoding;
	bool augmented;
	if (!ct_frames_record(frames, at, &fde))
		return false;
	const uint8_t *cie = fde.at;
	uint64_t distance = ct_read_fixed(&fde, 4);
	if (distance == (frames->is_debug ? DEBUG_CIE : 0) ||
	    distance > (size_t)(frames->is_debug ? frames->end - frames->start : cie - frames->start) ||
	    !read_cie(frames, frames->is_debug ? frames->start + distance : cie - distance, info, &encoding,
		      &augmented))
		return false;
	info->start = ct_frames_pointer(&fde, encoding) + frames->bias;
	*bytes = ct_frames_pointer(&fde, encoding & 0x0f);
	if (augmented)
		ct_read_block(&fde);
	info->fde_program = fde;
	return !fde.bad;
}
