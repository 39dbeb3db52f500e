const WORDS: Record<string, string> = {
  EMAIL_TAKEN: "There is an account with your email here already. Sign in with its password.",
  EMAIL_UNVERIFIED: "Your account there has no email address that is known to be yours.",
  ISSUER_AWAY: "Signing in there is not possible for a moment. Try again, or use a password.",
  SIGN_IN_STATE_INVALID: "That took too long, or began on another device. Try again.",
};

/** Why signing in elsewhere has led back here. */
export function SignInProblem({ reason }: { reason: string | null }) {
  if (!reason) return null;
  return (
    <p className="mb-6 rounded-md bg-brick-wash p-4" data-testid="sign-in-problem" role="alert">
      {WORDS[reason] ?? "Signing in there did not work. Try again."}
    </p>
  );
}
