/* SPDX-License-Identifier: MIT */
/* A trend as a page: a chart for each metric and a table. It is one file without script, and loads nothing. */
#include "view/trend.h"

#include "ctrace/version.h"
#include "util/utf8.h"
#include "view/change.h"
#include "write/put_xml.h"

/* In the charts' own units. */
#define WIDTH 640
#define HEIGHT 220
#define LEFT 84
#define RIGHT 16
#define TOP 12
#define BOTTOM 34
#define LABELS_MAX 6 /* below the chart; more would overlap */
#define LABEL_BYTES 18
#define POINTS_MAX 120 /* more points would hide the line */

static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>Memory use over runs</title>\n<style>\n"
	":root{color-scheme:light dark;--ink:#1c2024;--quiet:#5b6470;--line:#1668b8;--grid:#dfe3e8;--paper:#fff;--more:#b3261e;"
	"--less:#1b6e3c}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--quiet:#a3acb8;--line:#6cb2f2;--grid:#343b44;--paper:#16191d;"
	"--more:#ff8a80;--less:#7bd59b}}\n"
	"body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:86rem;"
	"padding:0 1rem}\n"
	"h1{font-size:1.4rem}h2{font-size:1.05rem;margin:0}.charts{display:grid;gap:1.5rem;"
	"grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr))}\n"
	"svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--quiet)}polyline{fill:none;stroke:var(--line);"
	"stroke-width:2}\n"
	".grid{stroke:var(--grid)}circle{fill:var(--line)}circle.hit{fill:transparent}g.point:hover circle{r:6}"
	"p.sum{margin:0;color:var(--quiet)}\n"
	".scroll{overflow-x:auto}table{border-collapse:collapse;margin:1.5rem 0}th,td{text-align:right;padding:.2rem .8rem;"
	"border-bottom:1px solid var(--grid);white-space:nowrap}\n"
	"th:first-child,td:first-child,.name{text-align:left}.more{color:var(--more)}.less{color:var(--less)}\n"
	"code{font:13px ui-monospace,monospace}\n</style>\n</head>\n<body>\n";

struct chart {
	const struct ct_trend *trend;
	enum ct_metric metric;
	double low, top;
	FILE *out;
};

static double x_of(const struct chart *chart, size_t run)
{
	size_t steps = chart->trend->count - 1;
	return LEFT + (steps ? (double)run / (double)steps : 0.5) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct chart *chart, double value)
{
	double part = chart->top > chart->low ? (value - chart->low) / (chart->top - chart->low) : 0;
	return TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);
}

static void put_grid(const struct chart *chart)
{
	char text[CT_NUMBER_ROOM];
	for (int i = 0; i <= 2; i++) {
		double value = chart->low + (chart->top - chart->low) * i / 2, y = y_of(chart, value);
		fprintf(chart->out,
			"<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" "
			"text-anchor=\"end\">",
			LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4);
		ct_put_xml(chart->out, ct_trend_amount(chart->trend, chart->metric, (uint64_t)value, text));
		fputs("</text>\n", chart->out);
		if (chart->top <= chart->low)
			break;
	}
}

static void put_labels(const struct chart *chart)
{
	size_t count = chart->trend->count, shown = count < LABELS_MAX ? count : LABELS_MAX;
	for (size_t i = 0; i < shown; i++) {
		size_t run = shown > 1 ? i * (count - 1) / (shown - 1) : 0;
		const char *label = chart->trend->runs[run].label;
		size_t length = ct_utf8_fit(label, LABEL_BYTES);
		char text[LABEL_BYTES + 4];
		snprintf(text, sizeof(text), "%.*s%s", (int)length, label, label[length] ? "…" : "");
		fprintf(chart->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">", x_of(chart, run), HEIGHT - 12,
			count == 1         ? "middle"
			: run == 0         ? "start"
			: run + 1 == count ? "end"
					   : "middle");
		ct_put_xml(chart->out, text);
		fputs("</text>\n", chart->out);
	}
}

static void put_point(const struct chart *chart, size_t run)
{
	const struct ct_trend_run *row = &chart->trend->runs[run];
	double x = x_of(chart, run), y = y_of(chart, (double)row->values[chart->metric]);
	char text[CT_NUMBER_ROOM];
	int64_t change;
	fprintf(chart->out,
		"<g class=\"point\"><circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/><circle class=\"hit\" cx=\"%.1f\" cy=\"%.1f\" "
		"r=\"9\"/><title>",
		x, y, chart->trend->count > POINTS_MAX ? 1 : 3, x, y);
	ct_put_xml(chart->out, row->label);
	fprintf(chart->out, ": %s", ct_trend_amount(chart->trend, chart->metric, row->values[chart->metric], text));
	if (ct_trend_change(chart->trend, run, chart->metric, &change) && change)
		fprintf(chart->out, " (%s)", ct_trend_signed(chart->trend, chart->metric, change, text));
	fputs("</title></g>\n", chart->out);
}

/* Runs without the metric leave a gap. */
static void put_line(const struct chart *chart)
{
	bool open = false;
	for (size_t i = 0; i < chart->trend->count; i++) {
		const struct ct_trend_run *run = &chart->trend->runs[i];
		if (run->has[chart->metric])
			fprintf(chart->out, "%s%.1f,%.1f", open ? " " : "<polyline points=\"", x_of(chart, i),
				y_of(chart, (double)run->values[chart->metric]));
		else if (open)
			fputs("\"/>\n", chart->out);
		open = run->has[chart->metric];
	}
	if (open)
		fputs("\"/>\n", chart->out);
}

static const char *class_of(int64_t change, uint64_t old)
{
	int sign = ct_change_sign(change, (double)old);
	return sign > 0 ? "more" : sign < 0 ? "less" : "";
}

static void put_chart(const struct ct_trend *trend, enum ct_metric metric, FILE *out)
{
	struct chart chart = {.trend = trend, .metric = metric, .out = out};
	char first_text[CT_NUMBER_ROOM], last_text[CT_NUMBER_ROOM], percent[CT_NUMBER_ROOM] = "no change";
	size_t first, last;
	if (!ct_trend_ends(trend, metric, &first, &last))
		return;
	uint64_t old = trend->runs[first].values[metric], new = trend->runs[last].values[metric];
	chart.low = ct_trend_scale(trend, metric, &chart.top);
	if (new != old)
		ct_trend_percent((int64_t)(new - old), old, percent);
	fprintf(out, "<section>\n<h2>%s</h2>\n<p class=\"sum\">%s to %s <span class=\"%s\">%s</span></p>\n",
		ct_trend_head(metric), ct_trend_amount(trend, metric, old, first_text),
		ct_trend_amount(trend, metric, new, last_text), class_of((int64_t)(new - old), old), percent);
	fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s over %zu runs\">\n", WIDTH, HEIGHT,
		ct_trend_head(metric), trend->count);
	put_grid(&chart);
	put_labels(&chart);
	put_line(&chart);
	for (size_t i = 0; i < trend->count; i++)
		if (trend->runs[i].has[metric])
			put_point(&chart, i);
	fputs("</svg>\n</section>\n", out);
}

static void put_change(const struct ct_trend *trend, size_t run, FILE *out)
{
	char text[CT_NUMBER_ROOM];
	int64_t change;
	if (!ct_trend_change(trend, run, trend->metric, &change) || !change) {
		fputs("<td></td><td></td>", out);
		return;
	}
	uint64_t old = trend->runs[run - 1].values[trend->metric];
	const char *class = class_of(change, old);
	fprintf(out, "<td class=\"%s\">", class);
	ct_put_xml(out, ct_trend_signed(trend, trend->metric, change, text));
	fprintf(out, "</td><td class=\"%s\">%s</td>", class, ct_trend_percent(change, old, text));
}

static void put_table(const struct ct_trend *trend, FILE *out)
{
	char text[CT_NUMBER_ROOM];
	fputs("<div class=\"scroll\"><table>\n<tr><th>run</th>", out);
	for (size_t i = 0; i < trend->metric_count; i++)
		fprintf(out, "<th>%s</th>", ct_trend_head(trend->metrics[i]));
	fprintf(out, "<th colspan=\"2\">change of %s</th></tr>\n", ct_trend_head(trend->metric));
	for (size_t i = 0; i < trend->count; i++) {
		const struct ct_trend_run *run = &trend->runs[i];
		fputs("<tr><td>", out);
		ct_put_xml(out, run->label);
		fputs("</td>", out);
		for (size_t j = 0; j < trend->metric_count; j++) {
			enum ct_metric metric = trend->metrics[j];
			fputs("<td>", out);
			ct_put_xml(out,
				   run->has[metric] ? ct_trend_amount(trend, metric, run->values[metric], text) : "-");
			fputs("</td>", out);
		}
		put_change(trend, i, out);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void put_sites(const struct ct_trend_view *view, FILE *out)
{
	const struct ct_trend *trend = view->trend;
	char text[CT_TREND_SITE_ROOM];
	if (!ct_trend_shown(view))
		return;
	fprintf(out, "<h2>Grown most in %s from ", ct_trend_head(trend->metric));
	ct_put_xml(out, trend->runs[0].label);
	fputs(" to ", out);
	ct_put_xml(out, trend->runs[trend->count - 1].label);
	fputs("</h2>\n<div class=\"scroll\"><table>\n", out);
	for (size_t i = 0; i < ct_trend_shown(view); i++) {
		fprintf(out, "<tr><td class=\"%s\">",
			class_of(trend->sites[i].change, trend->runs[0].values[trend->metric]));
		ct_put_xml(out, ct_trend_signed(trend, trend->metric, trend->sites[i].change, text));
		fputs("</td><td class=\"name\"><code>", out);
		ct_put_xml(out, ct_trend_site(trend, &trend->sites[i], text));
		fputs("</code></td></tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

void ct_trend_html(const struct ct_trend_view *view, FILE *out)
{
	const struct ct_trend *trend = view->trend;
	fputs(head, out);
	fprintf(out, "<h1>Memory use over %zu run%s</h1>\n<div class=\"charts\">\n", trend->count,
		trend->count == 1 ? "" : "s");
	for (size_t i = 0; i < trend->metric_count; i++)
		put_chart(trend, trend->metrics[i], out);
	fputs("</div>\n", out);
	put_table(trend, out);
	put_sites(view, out);
	fputs("<p class=\"sum\">ctrace " CTRACE_VERSION "</p>\n</body>\n</html>\n", out);
}
