import { useQuery } from "@tanstack/react-query";
import { servicesQuery } from "@/features/insights/api/list-services";
import { cx } from "@/lib/class-names";

/** Who is behind the counter right now; nothing at all when the edge does not tell. */
export function ServiceList() {
  const { data } = useQuery(servicesQuery);
  if (!data || data.length === 0) return null;
  return (
    <section aria-labelledby="services">
      <h2 className="mb-3 font-semibold" id="services">
        Services
      </h2>
      <ul className="grid gap-x-12 border-t border-line @2xl:grid-cols-2 @4xl:grid-cols-3">
        {data.map((service) => (
          <li
            className="flex items-center gap-3 border-b border-line py-3"
            key={`${service.name}${service.address}`}
          >
            <span
              aria-hidden="true"
              className={cx("size-2 rounded-full", service.healthy ? "bg-moss" : "bg-brick")}
            />
            <span className="font-medium">{service.name}</span>
            <span className="ml-auto text-xs text-muted">
              {service.healthy ? service.address : "Not answering"}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
