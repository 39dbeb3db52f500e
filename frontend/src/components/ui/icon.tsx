const SHAPES = {
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13Zm5-1.500L20 20",
  basket:
    "M4 9h16l-1.700 10a1.200 1.200 0 0 1-1.200 1H6.900a1.200 1.200 0 0 1-1.200-1L4 9Zm4.500 0 2-5m5 5-2-5",
  close: "m6 6 12 12M18 6 6 18",
  menu: "M4 8h16M4 16h16",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7.500 8c.7-3.300 3.700-5 7.500-5s6.800 1.700 7.500 5",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-13v2m0 14v2M3 12h2m14 0h2M5.600 5.600 7 7m10 10 1.400 1.400m0-12.800L17 7M7 17l-1.400 1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500Z",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  arrow: "M4 12h16m-6-6 6 6-6 6",
  chevron: "m6 9 6 6 6-6",
  check: "m5 12.500 4.500 4.500L19 7.500",
  trash: "M5 7h14M10 7V4.500h4V7m-7.500 0 .8 13h9.400l.8-13",
  retry: "M19 12a7 7 0 1 1-2-4.900L19 9m0-5v5h-5",
  stop: "M7 7h10v10H7z",
  send: "M12 19V5m-6 6 6-6 6 6",
  lantern:
    "M9 4.500h6M9 19.500h6M8.300 7c-2.600 3-2.600 7 0 10h7.400c2.600-3 2.600-7 0-10H8.300ZM12 2v2.500m0 15V22",
  speech:
    "M5 5h14a1.500 1.500 0 0 1 1.500 1.500v8A1.500 1.500 0 0 1 19 16h-7l-4.500 4v-4H5a1.500 1.500 0 0 1-1.500-1.500v-8A1.500 1.500 0 0 1 5 5Zm3.500 4h7m-7 3h4",
  sliders:
    "M4 7h9m5 0h2M4 17h2m5 0h9M15.500 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Zm-7 10a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z",
  link: "M10 14a4 4 0 0 0 5.700 0l3-3A4 4 0 0 0 13 5.300l-.8.8M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l.8-.8",
  table: "M4 5h16v14H4zM4 10h16M4 14.500h16M10 10v9",
  chart: "M4 19h16M6 15l4-5 4 3 5-7",
  offline:
    "M3 4l18 17M5 12.500a10 10 0 0 1 4-2.600m5.500-.2A10 10 0 0 1 19 12.500M8.500 16a5 5 0 0 1 7 0M12 20h.01",
} as const;

export type IconName = keyof typeof SHAPES;

interface IconProps {
  name: IconName;
  size?: number;
  className?: string;
}

/** One line-drawn sign; decoration only, so the control around it carries the words. */
export function Icon({ name, size = 20, className }: IconProps) {
  return (
    <svg
      aria-hidden="true"
      className={className}
      fill="none"
      height={size}
      stroke="currentColor"
      strokeLinecap="round"
      strokeLinejoin="round"
      strokeWidth={1.6}
      viewBox="0 0 24 24"
      width={size}
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}
