;; What a dependency finds instead of its component's folders: none.
(component
  ;; The version is the dependency's own.
  (import "wasi:filesystem/types@VERSION" (instance $types
    (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  ;; Memory is zero, and so at 8 is an empty list.
  (core module $code
    (memory (export "memory") 1)
    (func (export "nothing") (result i32) (i32.const 8)))
  (core instance $code (instantiate $code))
  (alias core export $code "memory" (core memory $memory))
  (func $folders (result (list (tuple (own $descriptor) string)))
    (canon lift (core func $code "nothing") (memory $memory)))
  (instance $preopens
    (export "descriptor" (type $descriptor))
    (export "get-directories" (func $folders)))
  (export "instead" (instance $preopens)))
