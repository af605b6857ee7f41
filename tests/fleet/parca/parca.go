//go:build tools

// SPDX-License-Identifier: MIT

// Package tools has Parca among its needs, so that its sums are in go.sum.
package tools

import _ "github.com/parca-dev/parca/cmd/parca"
