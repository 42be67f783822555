import { describe, expect, it } from 'vitest';
import { metricFaults, promtoolFaults } from '../../helpers/metric-lint.ts';

const wrong = `# HELP a_total x
# TYPE a_total gauge
a_total 1
# TYPE b counter
b 1
# HELP c_milliseconds x
# TYPE c_milliseconds gauge
c_milliseconds 1
# HELP d_ms x
# TYPE d_ms gauge
d_ms 1
# HELP e_count x
# TYPE e_count gauge
e_count 1
# HELP e_sum x
# TYPE e_sum gauge
e_sum 1
# HELP f_gauge x
# TYPE f_gauge gauge
f_gauge 1
# HELP gCamel x
# TYPE gCamel gauge
gCamel{some="a}",someLabel="1 \\" {"} 1
# HELP h:x x
# TYPE h:x gauge
h:x 1
# HELP i x
# TYPE i gauge
i{le="1"} 1
# HELP j_kilobytes x
# TYPE j_kilobytes gauge
j_kilobytes 1
# HELP k_minutes_total x
# TYPE k_minutes_total counter
k_minutes_total 1
`;

const faults = [
  'a_total non-counter metrics should not have "_total" suffix',
  'b counter metrics should have "_total" suffix',
  'b no help text',
  'c_milliseconds use base unit "seconds" instead of "milliseconds"',
  'd_ms metric names should not contain abbreviated units',
  'e_count non-histogram and non-summary metrics should not have "_count" suffix',
  'e_sum non-histogram and non-summary metrics should not have "_sum" suffix',
  "f_gauge metric name should not include type 'gauge'",
  "gCamel label names should be written in 'snake_case' not 'camelCase'",
  "gCamel metric names should be written in 'snake_case' not 'camelCase'",
  "h:x metric names should not contain ':'",
  'i non-histogram metrics should not have "le" label',
  'j_kilobytes use base unit "bytes" instead of "kilobytes"',
  'k_minutes_total use base unit "seconds" instead of "minutes"',
];

describe('the rules of Prometheus for metrics', () => {
  it('find what promtool finds', () => {
    expect(metricFaults(wrong)).toEqual(faults);
    expect(promtoolFaults(wrong) ?? faults).toEqual(faults);
  });
});
