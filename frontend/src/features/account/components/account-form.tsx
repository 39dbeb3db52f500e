import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import type { Session } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/notes";
import { register } from "@/features/account/api/register";
import { signIn } from "@/features/account/api/sign-in";
import { toProblem } from "@/lib/problem";
import { useSession } from "@/lib/session";

const PASSWORD_MIN = 10;

interface AccountFormProps {
  purpose: "sign-in" | "register";
  onDone: (session: Session) => void;
}

export function AccountForm({ purpose, onDone }: AccountFormProps) {
  const isNew = purpose === "register";
  const keep = useSession((state) => state.signIn);
  const mutation = useMutation({
    mutationFn: (input: { email: string; password: string; name: string }) =>
      isNew ? register(input) : signIn({ email: input.email, password: input.password }),
    onSuccess: (session) => {
      keep(session);
      onDone(session);
    },
  });
  const problem = mutation.error ? toProblem(mutation.error) : undefined;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "");
    mutation.mutate({ email: text("email").trim(), password: text("password"), name: text("name").trim() });
  };

  return (
    <form className="space-y-4" onSubmit={submit}>
      {isNew && (
        <Field
          autoComplete="name"
          error={problem?.fieldMessage("name")}
          label="Your name"
          maxLength={120}
          name="name"
          required
        />
      )}
      <Field
        autoComplete="email"
        data-testid="login-email"
        error={problem?.fieldMessage("email")}
        label="Email"
        maxLength={254}
        name="email"
        required
        type="email"
      />
      <Field
        autoComplete={isNew ? "new-password" : "current-password"}
        data-testid="login-password"
        error={problem?.fieldMessage("password")}
        hint={isNew ? `At least ${String(PASSWORD_MIN)} characters` : undefined}
        label="Password"
        maxLength={200}
        minLength={isNew ? PASSWORD_MIN : undefined}
        name="password"
        required
        type="password"
      />
      {mutation.error && <ErrorNote className="p-4!" error={mutation.error} />}
      <Button
        busy={mutation.isPending}
        className="w-full"
        data-testid="login-submit"
        size="large"
        tone="ink"
        type="submit"
      >
        {isNew ? "Create account" : "Sign in"}
      </Button>
    </form>
  );
}
