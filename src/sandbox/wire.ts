import type Stripe from 'stripe';

/**
 * A Stripe type as sent without expansion: references are ids, and decimals are strings. Everything is stored
 * in this form, so that an expanded object is never stored by mistake.
 */
export type Wire<T> = T extends Stripe.Decimal
  ? string
  : T extends readonly (infer E)[]
    ? (string extends E ? Exclude<E, object> : Wire<E>)[]
    : T extends object
      ? { [K in keyof T]: string extends T[K] ? Exclude<T[K], object> : Wire<T[K]> }
      : T;

export type Json = string | number | boolean | null | Json[] | JsonObject;

export interface JsonObject {
  [key: string]: Json;
}

/** Stripe's list object. */
export interface WireList<T> {
  object: 'list';
  data: T[];
  has_more: boolean;
  url: string;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns a deep copy of a value as it would be sent, without undefined fields. */
export function toJson(value: object): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (!isJsonObject(copy)) {
    throw new TypeError('Expected an object that serializes to a JSON object.');
  }
  return copy;
}
