import type { FeatureWord } from '../read/cached-answer.ts';
import type { FeatureType } from './facts.ts';

/*
 * Answers in the terms of OpenFeature's Remote Evaluation Protocol 0.3 (https://github.com/open-feature/protocol).
 */

/** The error codes of the protocol. */
export const errorCodes = [
  'PARSE_ERROR',
  'TARGETING_KEY_MISSING',
  'INVALID_CONTEXT',
  'FLAG_NOT_FOUND',
  'GENERAL',
] as const;

type ErrorCode = (typeof errorCodes)[number];

/** The value of an unlimited feature: the largest number that every client reads exactly. */
const unlimited = String(Number.MAX_SAFE_INTEGER);

/**
 * The value of a denied feature by type, as serialized JSON. Null for `config`: without a value in the
 * evaluation, the app's default applies.
 */
const deniedValues: Readonly<Record<FeatureType, string | null>> = {
  boolean: 'false',
  limit: '0',
  metered: '0',
  config: null,
};

/**
 * Returns the evaluation of a feature, as serialized JSON.
 *
 * @param word the feature in the answer, with the balance as the value of a metered one; null if the feature
 *   never had a source.
 */
export function evaluationText(
  code: string,
  type: FeatureType,
  word: FeatureWord | null,
  revision: number,
): string {
  if (word?.allowed !== true) {
    const value = deniedValues[type];
    const reason = word?.reason ?? 'no_source';
    return `{"key":"${code}",${value === null ? '' : `"value":${value},`}"reason":"DISABLED","variant":"denied","metadata":{"reason":"${reason}","revision":${revision}}}`;
  }
  const isUnlimited = (type === 'limit' || type === 'metered') && word.value === '"unlimited"';
  const validTo = word.validTo === 'null' ? '' : `,"valid_to":${word.validTo}`;
  return `{"key":"${code}","value":${isUnlimited ? unlimited : word.value},"reason":"TARGETING_MATCH","variant":"granted","metadata":{"reason":"granted","revision":${revision}${validTo}${isUnlimited ? ',"unlimited":true' : ''}}}`;
}

/** Returns the tag of a change, which a client sends back when it evaluates again. */
export function changeTag(revision: number, at: number): string {
  return `"${revision.toString(36)}-${at.toString(36)}"`;
}

/** Returns the revision in the tag of a change or an answer; 0 for a missing or malformed tag. */
export function revisionOfTag(tag: string | undefined): number {
  const [, digits] = /^(?:W\/)?"?([0-9a-z]{1,10})-/.exec(tag ?? '') ?? [];
  return digits === undefined ? 0 : parseInt(digits, 36);
}

/**
 * Returns the protocol's code for a problem.
 *
 * @param code of the problem.
 * @param paths the fields that are wrong.
 * @param body the parsed body; undefined or null if the request has no JSON body.
 */
export function errorCodeOf(code: string, paths: readonly string[], body: unknown): ErrorCode {
  switch (code) {
    case 'feature_not_found':
      return 'FLAG_NOT_FOUND';
    case 'payload_too_large':
    case 'unsupported_media_type':
      return 'PARSE_ERROR';
    case 'bad_request':
      if (body === undefined || body === null) return 'PARSE_ERROR';
      if (!paths.some((path) => path === '' || path.startsWith('context'))) return 'GENERAL';
      return hasTargetingKey(body) ? 'INVALID_CONTEXT' : 'TARGETING_KEY_MISSING';
    default:
      return 'GENERAL';
  }
}

function hasTargetingKey(body: unknown): boolean {
  const key = fieldOf(fieldOf(body, 'context'), 'targetingKey');
  return key !== undefined && key !== null && key !== '';
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
