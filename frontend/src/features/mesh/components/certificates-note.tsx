import type { Certificate, MeshStatus, Proxy } from "@/api/staff-types";
import { StateMark } from "@/features/mesh/components/state-mark";
import { certificateState } from "@/features/mesh/hooks/mesh-values";
import { formatMoment } from "@/lib/format";

/** Whether connections between proxies are encrypted, and by what each proxy proves whose it is. */
export function CertificatesNote({ status }: { status: MeshStatus }) {
  const isEncrypted = status.versions.some(
    ({ type, resource_count: count }) => type === "Secret" && count > 0,
  );
  return (
    <section aria-labelledby="certificates">
      <h2 className="font-semibold" id="certificates">
        Certificates
      </h2>
      {isEncrypted ? (
        <>
          <p className="mt-1 max-w-[60ch] text-muted">
            Mutual TLS: proxies take calls only from those who prove whose they are. Keys stay where they are
            used; the control plane has none. This is what each proxy showed when it connected; it connects
            anew before that ends.
          </p>
          <ul className="mt-3 border-t border-line text-sm">
            {status.proxies.map((proxy) => (
              <Shown key={proxy.node_id} proxy={proxy} />
            ))}
          </ul>
        </>
      ) : (
        <p className="mt-1 max-w-[60ch] text-muted">
          {status.proxies.length > 1
            ? "No certificates: connections between these proxies are not encrypted."
            : "No certificates: one shared proxy. All services are behind the same Envoy, so no call passes from one proxy to another."}
        </p>
      )}
    </section>
  );
}

function Shown({ proxy }: { proxy: Proxy }) {
  const { node_id: node, certificate } = proxy;
  const [tone, words] = certificateState(proxy, new Date());
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-0.5 border-b border-line py-2.5">
      <span className="min-w-0">
        <span className="block font-medium wrap-anywhere">{node}</span>
        {certificate && <Identity certificate={certificate} />}
      </span>
      <span className="figures">
        <StateMark tone={tone}>{words}</StateMark>
      </span>
    </li>
  );
}

function Identity({ certificate: { identity, serial, begin_time: begin } }: { certificate: Certificate }) {
  return (
    <span className="block text-xs wrap-anywhere text-muted">
      <code className="font-mono">{identity}</code>
      <span className="block">
        Since {formatMoment(begin)}, serial <code className="font-mono">{serial}</code>
      </span>
    </span>
  );
}
