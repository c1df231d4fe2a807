;; What a dependency reads instead of its component's environment: nothing.
(component
  ;; Memory is zero, and so at 8 is an empty list as well as an absent value.
  (core module $code
    (memory (export "memory") 1)
    (func (export "nothing") (result i32) (i32.const 8)))
  (core instance $code (instantiate $code))
  (alias core export $code "memory" (core memory $memory))
  (func $variables (result (list (tuple string string)))
    (canon lift (core func $code "nothing") (memory $memory)))
  (func $arguments (result (list string))
    (canon lift (core func $code "nothing") (memory $memory)))
  (func $folder (result (option string))
    (canon lift (core func $code "nothing") (memory $memory)))
  (instance $environment
    (export "get-environment" (func $variables))
    (export "get-arguments" (func $arguments))
    ;; Its name in WASI 0.2, and in 0.3.
    (export "initial-cwd" (func $folder))
    (export "get-initial-cwd" (func $folder)))
  (export "instead" (instance $environment)))
