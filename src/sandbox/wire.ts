import type Stripe from 'stripe';

/**
 * A Stripe type as it is sent without expansion: a field for an id or an object contains the id, and a
 * decimal is a string. Everything is stored in this form, so that an expanded object can never be stored by
 * mistake.
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

/** Returns a deep copy of what would be sent: without undefined fields, and independent of later changes. */
export function toJson(value: object): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (!isJsonObject(copy)) {
    throw new TypeError('Only objects are sent.');
  }
  return copy;
}
