import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { instantOf } from './core/answer.ts';
import { requireText, unverifiedClaims } from './core/claims.ts';
import { followUser } from './follow-user.ts';
import type { Answer } from './routes.ts';

/** The state of a feature for the provider's user. */
export interface FeatureState {
  allowed: boolean;
  /** The value of the feature; null if it is denied or not known yet. */
  value: unknown;
  /** Whether the user's entitlements are not known yet. */
  isLoading: boolean;
}

interface Known {
  /** Feature code → value. */
  entitlements: Record<string, unknown>;
  /** Epoch milliseconds; Infinity = never. */
  nextChangeAt: number;
}

/** What was loaded, and for whom. */
interface Live extends Known {
  url: string;
  userId: string;
}

/** The claims that the provider reads from a document. */
interface DocumentClaims {
  sub: string;
  /** Epoch seconds. */
  exp: number;
  latchkey: { entitlements: Record<string, unknown> };
}

/** What a provider needs to keep a user's entitlements live. One of `token` and `getToken` is required. */
type LiveProps = {
  /** The service's URL. */
  url: string;
  userId: string;
} & (
  | {
      /** The `token` of `latchkey.userToken(userId)`. If `getToken` is given too, this is the first token. */
      token: string;
      getToken?: (() => Promise<string>) | undefined;
    }
  | {
      token?: undefined;
      /**
       * Returns a new user token from your server, which creates it with `latchkey.userToken(userId)`. It is
       * called before the token expires, and again after a failure.
       */
      getToken: () => Promise<string>;
    }
);

export type LatchkeyProviderProps = {
  children?: ReactNode;
  /**
   * The `document` of `latchkey.document(userId)`, from your server. With it, the entitlements are known at the
   * first render, also during server rendering.
   */
  document?: string | undefined;
} & (LiveProps | { url?: undefined; token?: undefined; getToken?: undefined; userId?: undefined });

const Entitlements = createContext<Known | null>(null);

/**
 * Provides a user's entitlements to the components below: from a document, from user tokens, or from both. With
 * `getToken`, the entitlements stay live while the provider is mounted; with `token` alone, until that token
 * expires. They decide what is shown; the server decides what is allowed.
 */
export function LatchkeyProvider({
  children,
  document,
  url,
  token,
  getToken,
  userId,
}: LatchkeyProviderProps): ReactNode {
  if (document !== undefined) requireText(document, 'document');
  if (token !== undefined) requireText(token, 'token');
  const initial = useMemo(
    () => (document === undefined ? null : knownOfDocument(document, userId)),
    [document, userId],
  );
  const [live, setLive] = useState<Live | null>(null);
  const [ticks, setTicks] = useState(0);
  // An answer that was loaded for another user or from another URL does not count.
  const known = live !== null && live.userId === userId && live.url === url ? live : initial;

  // A new function at each render must not restart the stream.
  const latestGetToken = useRef(getToken);
  useEffect(() => {
    latestGetToken.current = getToken;
  });
  const canRenew = getToken !== undefined;
  useEffect(() => {
    if (url === undefined) return undefined;
    return followUser({
      ...{ url, userId, token },
      getToken: () => latestGetToken.current?.(),
      onAnswer(answer) {
        setLive({ ...knownOfAnswer(answer), url, userId });
      },
    });
  }, [url, token, userId, canRenew]);

  const isOver = known !== null && Date.now() >= known.nextChangeAt;
  const nextChangeAt = known === null || isOver ? Infinity : known.nextChangeAt;
  // Renders at the answer's next change, even if the service sends no message then.
  useEffect(() => {
    const waitMs = nextChangeAt - Date.now();
    if (waitMs > maxTimerMs) return undefined;
    const timer = setTimeout(
      () => {
        setTicks((count) => count + 1);
      },
      Math.max(0, waitMs),
    );
    return () => {
      clearTimeout(timer);
    };
    // A timer that fires early is set again.
  }, [nextChangeAt, ticks]);

  return createElement(Entitlements.Provider, { value: isOver ? null : known }, children);
}

/** The longest time that timers can wait. */
const maxTimerMs = 2_147_483_647;

/** Returns the state of a feature for the provider's user. */
export function useEntitlement(feature: string): FeatureState {
  const known = useContext(Entitlements);
  if (known === null) return { allowed: false, value: null, isLoading: true };
  const allowed = Object.hasOwn(known.entitlements, feature);
  return { allowed, value: allowed ? known.entitlements[feature] : null, isLoading: false };
}

export interface GateProps {
  feature: string;
  children?: ReactNode;
  /** Rendered if the user may not use the feature. */
  fallback?: ReactNode;
}

/** Renders its children only if the user may use a feature. */
export function Gate({ feature, children, fallback = null }: GateProps): ReactNode {
  return useEntitlement(feature).allowed ? children : fallback;
}

function knownOfAnswer({ entitlements, next_change_at: next }: Answer): Known {
  return {
    entitlements: Object.fromEntries(
      entitlements.map(({ feature_code: code, value }) => [code, value]),
    ),
    nextChangeAt: instantOf(next),
  };
}

/**
 * Reads a document without verifying it, because the document only decides what is shown. Returns null if the
 * text is not a document, or is the document of a user other than `userId`.
 */
function knownOfDocument(document: string, userId: string | undefined): Known | null {
  const { sub, exp, latchkey } = (unverifiedClaims(document) ?? {}) as Partial<DocumentClaims>;
  if (exp === undefined || latchkey === undefined) return null;
  if (userId !== undefined && userId !== sub) return null;
  return { entitlements: latchkey.entitlements, nextChangeAt: exp * 1_000 };
}
