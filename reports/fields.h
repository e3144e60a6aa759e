// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <type_traits>

#include "core/results.h"

namespace xent::report {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

/// The fields of Results v1, once for writing and reading: `visit(name, field)` for each;
/// `visit.later` where older files may lack the field.
void describe(auto& visit, Is<ErrorProfile> auto& x) {
  visit("outputs", x.outputs);
  visit("error_over_bound", x.error_over_bound);
  visit("p999_over_bound", x.p999_over_bound);
  visit("mean_over_bound", x.mean_over_bound);
  visit("ulp", x.ulp);
  visit("p999_ulp", x.p999_ulp);
  visit("mean_ulp", x.mean_ulp);
  visit("bias_ulp", x.bias_ulp);
  visit("max_abs", x.max_abs);
  visit("max_conditioned", x.max_conditioned);
}

void describe(auto& visit, Is<Counterexample> auto& x) {
  visit("file", x.file);
  visit("replay", x.replay);
  visit("problem", x.problem);
  visit("data", x.data);
  visit("message", x.message);
  visit("shrink_steps", x.shrink_steps);
}

void describe(auto& visit, Is<VerdictRow> auto& x) {
  visit("kernel", x.kernel);
  visit("property", x.property);
  visit("verdict", x.verdict);
  visit("reason", x.reason);
  visit("problem", x.problem);
  visit("cases", x.cases);
  visit("checks", x.checks);
  visit("skipped", x.skipped);
  visit("skip_reasons", x.skip_reasons);
  visit("excluded", x.excluded);
  visit("rejected", x.rejected);
  visit("power", x.power);
  visit("floor", x.floor);
  visit("vacuous", x.vacuous);
  visit("expected_to_fail", x.expected_to_fail);
  visit("worst", x.worst);
  visit("counterexample", x.counterexample);
}

void describe(auto& visit, Is<Finding> auto& x) {
  visit("kernel", x.kernel);
  visit("id", x.id);
  visit("message", x.message);
  visit("witness", x.witness);
  visit.later("file", x.file);
  visit.later("replay", x.replay);
  visit.later("cases", x.cases);
}

void describe(auto& visit, Is<AccuracyRow> auto& x) {
  visit("kernel", x.kernel);
  visit("output", x.output);
  visit("dtype", x.dtype);
  visit("problems", x.problems);
  visit("cases", x.cases);
  visit("errors", x.errors);
}

void describe(auto& visit, Is<KernelInfo> auto& x) {
  visit("name", x.name);
  visit("role", x.role);
  visit("summary", x.summary);
  visit("budget", x.budget);
  visit("accuracy_class", x.accuracy_class);
  visit("best_class", x.best_class);
  visit("promises", x.promises);
  visit("unavailable", x.unavailable);
  visit.later("kept", x.kept);
  visit.later("origin", x.origin);
}

void describe(auto& visit, Is<PropertyInfo> auto& x) {
  visit("id", x.id);
  visit("title", x.title);
  visit("statement", x.statement);
}

void describe(auto& visit, Is<Timing> auto& x) {
  visit("kernel", x.kernel);
  visit("problem", x.problem);
  visit("verdict", x.verdict);
  visit("samples", x.samples);
  visit("median", x.median);
  visit("low", x.low);
  visit("high", x.high);
  visit("minimum_bytes", x.minimum_bytes);
  visit("bytes_per_second", x.bytes_per_second);
  visit("limit_bytes_per_second", x.limit_bytes_per_second);
  visit("limit", x.limit);
  visit("logits_per_second", x.logits_per_second);
  visit.later("placement", x.placement);
  visit.later("threads", x.threads);
  visit.later("cache", x.cache);
  visit.later("path", x.path);
  visit.later("arithmetic_seconds", x.arithmetic_seconds);
}

void describe(auto& visit, Is<Limit> auto& x) {
  visit("name", x.name);
  visit("footprint_bytes", x.footprint_bytes);
  visit("bytes_per_second", x.bytes_per_second);
  visit("samples", x.samples);
  visit.later("threads", x.threads);
  visit.later("pattern", x.pattern);
  visit.later("operations_per_second", x.operations_per_second);
}

void describe(auto& visit, Is<Environment> auto& x) {
  visit("version", x.version);
  visit("compiler", x.compiler);
  visit("build", x.build);
  visit("cpu", x.cpu);
  visit("isa", x.isa);
  visit("system", x.system);
  visit("cores", x.cores);
  visit("started", x.started);
}

void describe(auto& visit, Is<Figure> auto& x) {
  visit("label", x.label);
  visit("value", x.value);
  visit("low", x.low);
  visit("high", x.high);
  visit("unit", x.unit);
}

void describe(auto& visit, Is<Series> auto& x) {
  visit("name", x.name);
  visit("x", x.x);
  visit("y", x.y);
  visit("marks", x.marks);
}

void describe(auto& visit, Is<Plot> auto& x) {
  visit("title", x.title);
  visit("x_label", x.x_label);
  visit("y_label", x.y_label);
  visit("log_x", x.log_x);
  visit("log_y", x.log_y);
  visit("series", x.series);
}

void describe(auto& visit, Is<ClaimRow> auto& x) {
  visit("id", x.id);
  visit("group", x.group);
  visit("document", x.document);
  visit("formula", x.formula);
  visit("statement", x.statement);
  visit("verdict", x.verdict);
  visit("evidence", x.evidence);
  visit("properties", x.properties);
  visit("kernels", x.kernels);
  visit("cases", x.cases);
  visit("checks", x.checks);
  visit("error_over_bound", x.error_over_bound);
  visit("figures", x.figures);
  visit("plots", x.plots);
  visit("witness", x.witness);
  visit("reason", x.reason);
}

void describe(auto& visit, Is<KnownMaximum> auto& x) {
  visit("what", x.what);
  visit("low", x.low);
  visit("high", x.high);
  visit("unit", x.unit);
  visit("argument", x.argument);
  visit("result", x.result);
}

void describe(auto& visit, Is<ExponentialRow> auto& x) {
  visit("kernel", x.kernel);
  visit("verdict", x.verdict);
  visit("arguments", x.arguments);
  visit("inputs", x.inputs);
  visit("every", x.every);
  visit("declared_rel", x.declared_rel);
  visit("declared_arg", x.declared_arg);
  visit("maxima", x.maxima);
  visit("facts", x.facts);
}

void describe(auto& visit, Is<Results> auto& x) {
  visit("schema", x.schema);
  visit("expectations", x.expectations);
  visit.later("strict", x.strict);
  visit("environment", x.environment);
  visit("command", x.command);
  visit("seed", x.seed);
  visit("profile", x.profile);
  visit("seconds", x.seconds);
  visit("kernels", x.kernels);
  visit("properties", x.properties);
  visit("verdicts", x.verdicts);
  visit.later("accuracy", x.accuracy);
  visit.later("claims", x.claims);
  visit.later("exponentials", x.exponentials);
  visit("findings", x.findings);
  visit("timings", x.timings);
  visit("limits", x.limits);
  visit("notes", x.notes);
}

}  // namespace xent::report
